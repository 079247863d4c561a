# SPDX-License-Identifier: Apache-2.0
"""No URI of a command line or of a record makes libvirt run a command."""

import contextlib
import io
import json
import os
import tempfile
import unittest
from ipaddress import IPv4Network
from pathlib import Path
from unittest import mock
from uuid import UUID

from vhost_tempest_plugin.cli import main
from vhost_tempest_plugin.host.network import registry
from vhost_tempest_plugin.host.network.nat import NatNetwork
from vhost_tempest_plugin.host.record import HostRecord
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.hypervisor.uri import LibvirtUri

HOSTILE = (
    "qemu+ext:///system?command=/tmp/evil",
    "qemu+ssh://host/system?command=/tmp/evil",
    "qemu+unix:///system?socket=/tmp/evil",
    "qemu:///system?socket=/tmp/evil",
    "qemu://host/system?pkipath=/tmp/evil",
    "qemu:///embed?root=/tmp/evil",
    # libvirt quotes a line of a file that is no XML.
    "test:///etc/shadow",
    "ch:///system",
    "qemu:///system ",
    "",
)


class LibvirtUriTest(unittest.TestCase):
    def test_a_record_with_another_is_damaged(self) -> None:
        network = NatNetwork("lan", IPv4Network("192.168.128.0/24"), 2, 1000, LibvirtUri.SYSTEM)
        host = HostRecord("one", UUID(int=1), "small", Accelerator.TCG, "", uri=LibvirtUri.SESSION)
        for text, load in ((registry.dump(network), registry.load), (host.dump(), HostRecord.load)):
            load(text)
            for uri in HOSTILE:
                with self.subTest(uri), self.assertRaisesRegex(ValueError, "LibvirtUri"):
                    load(json.dumps({**json.loads(text), "uri": uri}))

    def test_a_command_refuses_another(self) -> None:
        home = Path(self.enterContext(tempfile.TemporaryDirectory()))
        places = dict.fromkeys(("XDG_STATE_HOME", "XDG_CACHE_HOME", "VHOST_RUN_DIR"), str(home))
        self.enterContext(mock.patch.dict(os.environ, places))
        for command in (("network", "create", "lan", "--owner", "0"), ("up", "small")):
            for uri in HOSTILE:
                with self.subTest(command=command, uri=uri):
                    said = io.StringIO()
                    with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as end:
                        main.main([*command, "--connect", uri])
                    self.assertEqual(2, end.exception.code)
                    self.assertIn("argument --connect: invalid choice", said.getvalue())
        self.assertEqual([], list(home.iterdir()))
