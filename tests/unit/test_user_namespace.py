# SPDX-License-Identifier: Apache-2.0
"""Why an ordinary user cannot build an image, and what to do about it: never for all programs."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

from vhost_tempest_plugin.host.image import user_namespace
from vhost_tempest_plugin.host.image.user_namespace import Refusal
from vhost_tempest_plugin.util import process
from vhost_tempest_plugin.util.process import Completed

NO_RANGE = "W: no entry in /etc/subuid for bob\nE: failed to parse /etc/subuid and /etc/subgid\n"


class RefusalTest(unittest.TestCase):
    def setUp(self) -> None:
        self.sysctls = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.enterContext(mock.patch.object(user_namespace, "_SYSCTLS", self.sysctls))
        self.enterContext(mock.patch.object(process, "which", side_effect=Path))

    def refusal(self, returncode: int, stderr: str = "", **sysctls: str) -> Refusal | None:
        for name, value in sysctls.items():
            place = self.sysctls / name.replace("__", "/")
            place.parent.mkdir(exist_ok=True)
            place.write_text(f"{value}\n")
        ended = Completed(("mmdebstrap",), returncode, "", stderr)
        with mock.patch.object(process, "run", return_value=ended) as run:
            found = user_namespace.refusal()
        self.assertEqual("mmdebstrap", str(run.call_args.args[0][0]))
        return found

    def test_what_mmdebstrap_may_is_allowed_whatever_others_may(self) -> None:
        self.assertIsNone(self.refusal(0, kernel__apparmor_restrict_unprivileged_userns="1"))

    def test_apparmor_is_to_allow_this_program_and_no_other(self) -> None:
        found = self.refusal(1, NO_RANGE, kernel__apparmor_restrict_unprivileged_userns="1")
        assert found is not None
        self.assertEqual("kernel.apparmor_restrict_unprivileged_userns is 1", found.fact)
        self.assertIn("AppArmor profile that allows mmdebstrap", found.hint)
        self.assertNotIn("sysctl", found.hint)

    def test_a_kernel_without_them(self) -> None:
        found = self.refusal(1, NO_RANGE, kernel__unprivileged_userns_clone="0")
        assert found is not None
        self.assertEqual("kernel.unprivileged_userns_clone is 0", found.fact)

    def test_another_reason_is_mmdebstraps(self) -> None:
        found = self.refusal(25, NO_RANGE, kernel__unprivileged_userns_clone="1")
        assert found is not None
        self.assertEqual("E: failed to parse /etc/subuid and /etc/subgid", found.fact)
        self.assertIn("/etc/subuid", found.hint)
        nothing = self.refusal(25)
        assert nothing is not None
        self.assertEqual("exit code 25", nothing.fact)
