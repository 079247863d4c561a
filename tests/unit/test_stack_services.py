# SPDX-License-Identifier: Apache-2.0
"""devstack's services on the machine, with programs that behave like systemd's and sudo."""

import os
import tempfile
import unittest
from pathlib import Path
from typing import cast
from unittest import mock

from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.client.resources import CloudError, ComputeService
from vhost_tempest_plugin.cloud.configuration import override
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.deployment.driver import StartError
from vhost_tempest_plugin.devstack import journal
from vhost_tempest_plugin.devstack.journal import Changes
from vhost_tempest_plugin.devstack.services import Services
from vhost_tempest_plugin.errors import InputError

# Knows the units of $UNITS; of those in $FAILED it says so; notes its arguments in $SAID.
SYSTEMCTL = """#!/bin/sh
case $1 in
cat) case " $UNITS " in *" $2 "*) exit 0 ;; *) exit 1 ;; esac ;;
is-active) case " $FAILED " in *" $2 "*) echo failed ;; *) echo active ;; esac ;;
*) echo "$*" >>"$SAID" ;;
esac
"""
JOURNALCTL = """#!/bin/sh
echo "Traceback (most recent call last):"
echo "oslo_config.cfg.ConfigFileValueError: no such value"
"""
UNITS = "devstack@n-api.service devstack@n-sch.service devstack@n-super-cond.service"


def stand_in_systemd(directory: Path) -> Path:
    """Programs for the front of ``PATH``; the file with what they were asked to do (``$SAID``)."""
    for name, text in (
        ("systemctl", SYSTEMCTL),
        ("journalctl", JOURNALCTL),
        ("sudo", '#!/bin/sh\nshift\nexec "$@"\n'),
    ):
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)
    said = directory / "said"
    said.touch()
    return said


class FakeCloud:
    """A Nova whose services report themselves anew each time that they are asked for."""

    def __init__(self) -> None:
        self.count = 0
        self.is_live = True
        self.is_down = False

    def services(self, binary: str = "") -> tuple[ComputeService, ...]:
        if self.is_down:
            raise CloudError("nova-api does not answer")
        self.count += self.is_live
        return (ComputeService(binary, "here", True, True, "1", f"12:{self.count:02}"),)


class ServicesTest(unittest.TestCase):
    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.etc = self.top / "etc"
        self.etc.mkdir()
        for name in ("nova.conf", "nova_cell1.conf", "nova_cell0.conf.bak"):
            (self.etc / name).write_text("[DEFAULT]\ndebug = True\n")
        self.said = stand_in_systemd(self.top)
        variables = {
            "PATH": f"{self.top}:{os.environ['PATH']}",
            "SAID": str(self.said),
            "UNITS": f"{UNITS} devstack@n-cond-cell1.service",
            "FAILED": "",
        }
        self.enterContext(mock.patch.dict(os.environ, variables))
        self.cloud = FakeCloud()
        self.services = Services(self.etc, cast(Cloud, self.cloud))

    def edit(self, service: Service, *assignments: str) -> Changes:
        asked = override.parse(service, assignments)
        wanted = (spread for each in asked for spread in override.spread(each))
        with journal.begun(self.top / "journal") as entry:
            whose = self.services.edit(wanted, entry)
            self.assertEqual(whose, entry.changes.services)
            return entry.changes

    def test_options_go_to_the_files_that_their_service_reads(self) -> None:
        changes = self.edit(Service.NOVA_CONDUCTOR, "workarounds.x=1")
        self.assertEqual(
            ["nova.conf", "nova_cell1.conf"], [change.path.name for change in changes.files]
        )
        self.assertEqual((Service.NOVA_CONDUCTOR,), changes.services)
        for change in changes.files:
            self.assertEqual("[DEFAULT]\ndebug = True\n", change.before)
            self.assertIn("[workarounds]\nx = 1\n", change.path.read_text())

    def test_one_file_for_the_others(self) -> None:
        changes = self.edit(Service.NOVA_SCHEDULER, "debug=false")
        self.assertEqual(["nova.conf"], [change.path.name for change in changes.files])
        self.assertEqual("[DEFAULT]\ndebug = false\n", (self.etc / "nova.conf").read_text())

    def test_a_restart_is_of_the_units_that_there_are(self) -> None:
        self.services.restart([Service.NOVA_CONDUCTOR, Service.NOVA_API])
        self.assertEqual(
            [
                "restart devstack@n-super-cond.service devstack@n-cond-cell1.service",
                "restart devstack@n-api.service",
            ],
            self.said.read_text().splitlines(),
        )

    def test_a_restart_does_not_need_an_api_that_answers_before(self) -> None:
        self.cloud.is_down = True
        with mock.patch.object(self.services, "systemctl") as systemctl:
            systemctl.side_effect = lambda *words: setattr(self.cloud, "is_down", False)
            self.services.restart([Service.NOVA_SCHEDULER])
        systemctl.assert_called_once_with("restart", Service.NOVA_SCHEDULER)

    def test_a_service_that_is_not_there_is_refused(self) -> None:
        with (
            mock.patch.dict(os.environ, {"UNITS": UNITS.replace("n-sch", "gone")}),
            self.assertRaisesRegex(InputError, "no service 'nova-scheduler' here"),
        ):
            self.services.restart([Service.NOVA_SCHEDULER])

    def test_one_that_fails_is_reported_with_its_reason(self) -> None:
        self.cloud.is_live = False
        with (
            mock.patch.dict(os.environ, {"FAILED": "devstack@n-sch.service"}),
            self.assertRaisesRegex(StartError, "nova-scheduler ended: .*no such value") as caught,
        ):
            self.services.restart([Service.NOVA_SCHEDULER])
        self.assertEqual("nova-scheduler", caught.exception.service)
        self.assertEqual(2, len(caught.exception.lines))
