# SPDX-License-Identifier: Apache-2.0
"""A lab whose options the plugin's own tests cannot count on is refused before they run."""

import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

from tests.unit import lab_settings
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Override, Settings
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.lab import suite, tempest
from vhost_tempest_plugin.lab.mutation import run as mutation
from vhost_tempest_plugin.lab.suite import Suite
from vhost_tempest_plugin.util.progress import silent

OURS = "vhost_tempest_plugin.scenario.test_life.ServerLifeTest.test_reboot[id-1]"
UPSTREAM = "tempest.api.compute.test_versions.TestVersions.test_list[id-2]"
COUNTED_ON = (
    ("DEFAULT", "vcpu_pin_set", "0-3"),
    ("compute", "cpu_shared_set", "0-1"),
    ("compute", "cpu_dedicated_set", "2"),
    ("libvirt", "file_backed_memory", "8192"),
    ("pci", "alias", "{}"),
    ("pci", "device_spec", "{}"),
)
OTHERS = (
    (Service.NOVA_COMPUTE, "pci", "report_in_placement", "true"),
    (Service.NOVA_COMPUTE, "DEFAULT", "debug", "true"),
    (Service.NOVA_SCHEDULER, "filter_scheduler", "pci_in_placement", "true"),
)


class StartedError(Exception):
    """tempest would run now."""


def settings(*overrides: Override) -> Settings:
    return replace(lab_settings.settings(), overrides=overrides)


def run(found: Settings, *tests: str) -> None:
    workspace = tempest.Workspace("lab", Path("/labs/lab/tempest"), {})
    with (
        mock.patch.object(suite, "Lab") as lab,
        mock.patch.object(tempest, "run", side_effect=StartedError),
    ):
        lab.running.return_value.settings = found
        Suite(workspace, (), tests).run(Path("/report"), 1, silent)


class OptionsTest(unittest.TestCase):
    def test_options_that_the_tests_count_on(self) -> None:
        for words in COUNTED_ON:
            name = f"{words[0]}.{words[1]}"
            with self.subTest(name), self.assertRaises(InputError) as refused:
                run(settings(Override(Service.NOVA_COMPUTE, *words)), UPSTREAM, OURS)
            self.assertIn(name, refused.exception.fact)
            self.assertEqual(
                f"'vhost lab config unset nova-compute {name} --name lab' brings that back",
                refused.exception.hint,
            )
            self.assertNotIn("\n", str(refused.exception))

    def test_all_are_named_at_once(self) -> None:
        overrides = (Override(Service.NOVA_COMPUTE, *words) for words in COUNTED_ON)
        names = sorted(f"{section}.{option}" for section, option, _ in COUNTED_ON)
        with self.assertRaisesRegex(InputError, "unset nova-compute " + " ".join(names)):
            run(settings(*overrides), OURS)

    def test_other_options(self) -> None:
        for found in (settings(), settings(*(Override(*words) for words in OTHERS))):
            with self.assertRaises(StartedError):
                run(found, OURS)

    def test_tests_of_others(self) -> None:
        override = Override(Service.NOVA_COMPUTE, *COUNTED_ON[1])
        with self.assertRaises(StartedError):
            run(settings(override), UPSTREAM)

    def test_a_mutation_check(self) -> None:
        override = Override(Service.NOVA_COMPUTE, *COUNTED_ON[1])
        with (
            mock.patch.object(mutation, "Lab") as lab,
            mock.patch.object(mutation, "put_back"),
            mock.patch.object(tempest, "prepare", side_effect=StartedError) as prepare,
        ):
            lab.running.return_value.settings = settings(override)
            with self.assertRaisesRegex(InputError, "compute.cpu_shared_set set by hand"):
                mutation.run("lab", (), Path("/report"), silent)
            prepare.assert_not_called()
