# SPDX-License-Identifier: Apache-2.0
import os
import stat
import tempfile
import unittest
from unittest import mock

from vhost_tempest_plugin.host import ssh_keys
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.util import process


class KeysTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        environment = mock.patch.dict(os.environ, {"XDG_STATE_HOME": directory.name})
        environment.start()
        self.addCleanup(environment.stop)
        self.host = HostDirectory.of("article")
        self.host.path.mkdir(parents=True)

    def test_both_pairs_are_made_once(self) -> None:
        ssh_keys.obtain(self.host)
        made = {path.name: path.read_bytes() for path in self.host.path.iterdir()}
        self.assertEqual(
            {"client_key", "client_key.pub", "host_key", "host_key.pub", "known_hosts"}, set(made)
        )
        ssh_keys.obtain(self.host)
        again = {path.name: path.read_bytes() for path in self.host.path.iterdir()}
        self.assertEqual(made, again)

    def test_only_the_user_may_read_the_private_ones(self) -> None:
        ssh_keys.obtain(self.host)
        for path in (self.host.client_key, self.host.host_key):
            self.assertEqual(0o600, stat.S_IMODE(path.stat().st_mode))

    def test_the_public_half_belongs_to_the_private_one(self) -> None:
        ssh_keys.obtain(self.host)
        for path in (self.host.client_key, self.host.host_key):
            computed = process.run(["ssh-keygen", "-y", "-f", path]).stdout.split()[:2]
            self.assertEqual(computed, ssh_keys.public(path).split()[:2])

    def test_the_host_is_known_by_its_name(self) -> None:
        ssh_keys.obtain(self.host)
        found = process.run(["ssh-keygen", "-F", "article", "-f", self.host.known_hosts]).stdout
        self.assertIn(ssh_keys.public(self.host.host_key).split()[1], found)

    def test_damaged_ones_are_made_again(self) -> None:
        for damage in (0, 30):
            for name in ("client_key", "client_key.pub", "host_key", "host_key.pub"):
                with self.subTest(name, bytes=damage):
                    ssh_keys.obtain(self.host)
                    os.truncate(self.host.path / name, damage)
                    ssh_keys.obtain(self.host)
                    private = self.host.path / name.removesuffix(".pub")
                    computed = process.run(["ssh-keygen", "-y", "-f", private]).stdout.split()[:2]
                    self.assertEqual(computed, ssh_keys.public(private).split()[:2])

    def test_what_an_interrupted_run_left_is_made_good(self) -> None:
        ssh_keys.obtain(self.host)
        self.host.client_key.unlink()
        (self.host.path / "client_key.partial").touch()
        ssh_keys.obtain(self.host)
        computed = process.run(["ssh-keygen", "-y", "-f", self.host.client_key]).stdout.split()
        self.assertEqual(computed[1], ssh_keys.public(self.host.client_key).split()[1])
