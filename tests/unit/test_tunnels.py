# SPDX-License-Identifier: Apache-2.0
"""The tunnels of a lab's hosts; ssh is a stand-in."""

import contextlib
import unittest
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any
from unittest import mock

from tests.unit.lab_settings import host, settings
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.ssh import Ssh
from vhost_tempest_plugin.lab.services import tunnels
from vhost_tempest_plugin.lab.services.tunnels import Tunnel

SSH = Ssh(Path("/hosts/a"), 2222, Path("/hosts/a/key"), Path("/hosts/a/known"), "a")
OTHER = Ssh(Path("/hosts/a"), 3333, Path("/hosts/a/key"), Path("/hosts/a/known"), "a")


class EndOfTestError(Exception):
    """Ends what never ends."""


class ProgramTest(unittest.TestCase):
    def test_one_program_has_the_tunnels_of_all_hosts(self) -> None:
        lab = settings(host("small", "a"), host("small", "b"))
        program = tunnels.program(lab)
        *_, numbers, one, two = program.argv
        self.assertEqual(",".join(map(str, tunnels.ports(lab))), numbers)
        self.assertEqual(["a", "b"], [Path(path).name for path in (one, two)])

    def test_what_a_host_does_not_need_is_not_led_to(self) -> None:
        ports = settings().ports
        others = {ports.epmd, ports.nova_api, ports.nova_metadata}
        self.assertEqual(set(astuple(ports)) - others, set(tunnels.ports(settings())))


class TunnelTest(unittest.TestCase):
    def setUp(self) -> None:
        self.tunnel = Tunnel(HostDirectory(Path("/hosts/a")), [10, 20])

    def test_its_client(self) -> None:
        argv = self.tunnel.argv(SSH, 4)
        self.assertEqual([], [word for word in argv if "ControlMaster" in word])
        alive = [word for word in argv if word.startswith("-oServerAliveInterval")]
        self.assertEqual("-oServerAliveInterval=2", alive[0], "the first counts")
        self.assertIn("-oExitOnForwardFailure=yes", argv)
        self.assertEqual(
            ["-R127.0.0.1:10:127.0.0.1:10", "-R127.0.0.1:20:127.0.0.1:20", "root@127.0.0.1"],
            argv[-4:-1],
        )

    def test_it_is_made_again_and_what_is_left_of_it_ends_first(self) -> None:
        done: list[str] = []
        there = iter((None, SSH, SSH, SSH, OTHER, OTHER, OTHER))

        @contextlib.contextmanager
        def ending(argv: Sequence[Any], **streams: Any) -> Iterator[mock.Mock]:
            done.append(f"client of {argv[argv.index('-p') + 1]}")
            yield mock.Mock()
            if done[-1] == "client of 3333":
                raise EndOfTestError

        with (
            mock.patch.object(tunnels.child, "ending", ending),
            mock.patch.multiple(tunnels, _POLL_S=0, _PAUSE_S=0),
            mock.patch.object(tunnels.Tunnel, "_ssh", side_effect=there),
            mock.patch.object(
                tunnels.Tunnel, "_end_old", side_effect=lambda ssh: done.append("end")
            ),
            self.assertRaises(EndOfTestError),
        ):
            self.tunnel.keep()
        self.assertEqual(["client of 2222", "end", "client of 2222", "end", "client of 3333"], done)
