# SPDX-License-Identifier: Apache-2.0
"""How tempest is started on a lab."""

import os
import unittest
from unittest import mock

from vhost_tempest_plugin.lab import tempest


class LimitsTest(unittest.TestCase):
    def test_a_test_does_not_take_for_ever(self) -> None:
        with mock.patch.dict("os.environ"):
            os.environ.pop(tempest.LIMIT_VARIABLE, None)
            self.assertGreaterEqual(int(tempest.variables()[tempest.LIMIT_VARIABLE]), 1800)

    def test_the_user_knows_better(self) -> None:
        with mock.patch.dict("os.environ", {tempest.LIMIT_VARIABLE: "7"}):
            self.assertNotIn(tempest.LIMIT_VARIABLE, tempest.variables())
