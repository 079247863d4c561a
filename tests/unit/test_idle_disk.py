# SPDX-License-Identifier: Apache-2.0
import tempfile
import unittest

from oslo_utils.imageutils import format_inspector

from vhost_tempest_plugin.scenario.clients import idle_disk


class IdleDiskTest(unittest.TestCase):
    def test_nova_and_glance_take_it(self) -> None:
        """Both inspect what is called raw, and take what is a disk with partitions."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(idle_disk.content())
            file.flush()
            inspector = format_inspector.detect_file_format(file.name)
            inspector.safety_check()
        self.assertEqual("gpt", str(inspector))
