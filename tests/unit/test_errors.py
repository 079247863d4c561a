# SPDX-License-Identifier: Apache-2.0
"""What an error carries, and the commands that its hint names."""

import pickle
import unittest
from collections.abc import Iterator

import vhost_tempest_plugin.cloud.client.resources
import vhost_tempest_plugin.cloud.deployment.driver
import vhost_tempest_plugin.cloud.deployment.failure
import vhost_tempest_plugin.lab.services.supervisor_client  # noqa: F401 - has an error
from vhost_tempest_plugin.errors import CommandError, VhostCommand, VhostError


def kinds(kind: type[VhostError] = VhostError) -> Iterator[type[VhostError]]:
    """Every class of error."""
    yield kind
    for derived in kind.__subclasses__():
        yield from kinds(derived)


class ErrorTest(unittest.TestCase):
    def test_text_has_fact_and_hint_on_one_line(self) -> None:
        self.assertEqual("it is full; free some", str(VhostError("it is full", hint="free some")))
        self.assertEqual("it is full", str(VhostError("it is full")))

    def test_every_kind_crosses_a_process_boundary(self) -> None:
        for kind in kinds():
            with self.subTest(kind.__name__):
                sent = kind("the fact", hint="the hint")
                come = pickle.loads(pickle.dumps(sent))
                self.assertIs(kind, type(come))
                self.assertEqual(("the fact", "the hint"), (come.fact, come.hint))
                self.assertEqual(vars(sent), vars(come))

    def test_what_else_it_carries_does_too(self) -> None:
        come = pickle.loads(pickle.dumps(CommandError("x", 3, "no")))
        self.assertEqual((3, "no"), (come.returncode, come.stderr))


class VhostCommandTest(unittest.TestCase):
    def test_text_can_be_pasted(self) -> None:
        for command, text in (
            (VhostCommand("doctor"), "'vhost doctor'"),
            (
                VhostCommand("lab", "logs", "nova-api", name="demo"),
                "'vhost lab logs nova-api --name demo'",
            ),
            (VhostCommand("up", name="one", cold=True), "'vhost up --name one --cold'"),
            (VhostCommand("lab", "up", hosts=2, own_nova=False), "'vhost lab up --hosts 2'"),
        ):
            with self.subTest(text):
                self.assertEqual(text, str(command))

    def test_commands_are_values(self) -> None:
        self.assertEqual(VhostCommand("up", name="one"), VhostCommand("up", name="one"))
        self.assertNotEqual(VhostCommand("up", name="one"), VhostCommand("up", name="two"))
