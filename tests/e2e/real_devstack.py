# SPDX-License-Identifier: Apache-2.0
"""The real devstack with this plugin: stack.sh, the smoke scenarios, unstack.sh, clean.sh.

Not part of ``make test``. As root, on a machine with systemd-nspawn and mmdebstrap, and with a
directory of OpenStack's repositories; tests/devstack/README.rst has all variables:

    VHOST_DEVSTACK_MIRRORS=... python -m unittest tests.e2e.real_devstack.RealDevstackTest.test_once

Each step is a test too. With VHOST_DEVSTACK_KEEP=1 the container runs on, and the next test goes
on in it.
"""

import os
import shutil
import unittest

from tests.devstack import real, settings


@unittest.skipUnless(os.geteuid() == 0, "only root can boot a container")
@unittest.skipUnless(shutil.which("systemd-nspawn"), "there is no systemd-nspawn")
@unittest.skipUnless(
    os.environ.get(settings.MIRRORS), f"{settings.MIRRORS} names no directory of repositories"
)
class RealDevstackTest(unittest.TestCase):
    """One container for each test; whatever happens, it is stopped at the end."""

    def setUp(self) -> None:
        self.settings = settings.read()

    def test_twice(self) -> None:
        with real.running(self.settings) as devstack:
            for run in ("1", "2"):
                self.all_of(devstack, run)

    def test_once(self) -> None:
        with real.running(self.settings) as devstack:
            self.all_of(devstack, "1")

    def test_stack(self) -> None:
        with real.running(self.settings) as devstack:
            self.stack(devstack, "1")

    def test_nova_knows_the_hosts(self) -> None:
        with real.running(self.settings) as devstack:
            self.look(devstack)

    def test_scenarios(self) -> None:
        with real.running(self.settings) as devstack:
            self.scenarios(devstack, "1")

    def test_unstack(self) -> None:
        with real.running(self.settings) as devstack:
            self.unstack(devstack, "1")

    def test_clean(self) -> None:
        with real.running(self.settings) as devstack:
            self.clean(devstack, "1")

    def test_subnode(self) -> None:
        """A second machine; its controller was left running, and sees the host come and go."""
        with (
            real.running(self.settings) as subnode,
            real.running(self.settings.of_controller()) as controller,
        ):
            subnode.stack("1", controller)
            expected = subnode.expected_devices()
            self.assertEqual(expected, controller.devices() & expected)
            states = controller.services()
            self.assertEqual(["up"] * len(subnode.hosts()), [states[h] for h in subnode.hosts()])
            real.say(f"{expected.total()} devices on {', '.join(subnode.hosts())}")

    def all_of(self, devstack: real.Devstack, run: str) -> None:
        self.stack(devstack, run)
        # Whatever of it fails, the machine must be left clean.
        for step in (self.scenarios, self.unstack, self.clean):
            with self.subTest(step=step.__name__, run=run):
                step(devstack, run)

    def stack(self, devstack: real.Devstack, run: str) -> None:
        devstack.stack(run)
        self.look(devstack)

    def look(self, devstack: real.Devstack) -> None:
        expected = devstack.expected_devices()
        self.assertEqual(expected, devstack.devices())
        services = devstack.services()
        # The machine's own nova-compute may be there beside them.
        self.assertEqual(dict.fromkeys({*devstack.hosts(), *services}, "up"), services)
        real.say(f"{expected.total()} devices on {', '.join(devstack.hosts())}")

    def scenarios(self, devstack: real.Devstack, run: str) -> None:
        outcomes = devstack.test(run)
        for outcome in outcomes:
            real.say(f"{outcome.verdict}  {outcome.elapsed_s:.0f} s  {outcome.name}")
        self.assertEqual([], [each.name for each in outcomes if not each.verdict.is_good])
        promised = devstack.must_run()
        self.assertEqual(0, promised.returncode, promised.stdout + promised.stderr)

    def unstack(self, devstack: real.Devstack, run: str) -> None:
        devstack.unstack(run)
        self.assertEqual([], devstack.remains())

    def clean(self, devstack: real.Devstack, run: str) -> None:
        devstack.clean(run)
        self.assertEqual([], devstack.remains())
