# SPDX-License-Identifier: Apache-2.0
"""How libvirt's errors become ours; the library is a stand-in with only its error."""

import io
import types
import unittest

from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.hypervisor.library import host_errors


class RefusedError(Exception):
    """libvirt.libvirtError"""


LIBVIRT = types.SimpleNamespace(libvirtError=RefusedError)


class HostErrorsTest(unittest.TestCase):
    def test_action_reason_remedy(self) -> None:
        with (
            self.assertRaisesRegex(HostError, r"^cannot save 'article': it is not; do$"),
            host_errors(LIBVIRT, "save 'article'", "do"),
        ):
            raise RefusedError("it is\nnot")

    def test_disk_that_is_full(self) -> None:
        with (
            self.assertRaisesRegex(HostError, "free space on that disk"),
            host_errors(LIBVIRT, "save 'article'", "do"),
        ):
            raise RefusedError("write: No space left on device")

    def test_reason_that_only_the_carrier_knows(self) -> None:
        """As libvirt's error is where it writes to a program that has ended."""
        log = io.StringIO()
        log.write("ssh: no way\nthere\n")
        with (
            self.assertRaisesRegex(
                HostError, r"^cannot look: Cannot write data: Broken pipe ssh: no way there; do$"
            ),
            host_errors(LIBVIRT, "look", "do", log),
        ):
            raise RefusedError("Cannot write data: Broken pipe")
