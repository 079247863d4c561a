# SPDX-License-Identifier: Apache-2.0
"""What an error carries, and the commands that its hint names."""

import contextlib
import pickle
import time
import unittest
from collections.abc import Iterator

import vhost_tempest_plugin.cloud.client.resources
import vhost_tempest_plugin.cloud.deployment.driver
import vhost_tempest_plugin.cloud.deployment.failure
import vhost_tempest_plugin.lab.services.supervisor_client  # noqa: F401 - has an error
from vhost_tempest_plugin.errors import (
    CommandError,
    HostError,
    LocalError,
    VhostCommand,
    VhostError,
    in_order,
    without_passwords,
)


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


class InOrderTest(unittest.TestCase):
    def test_one_alone(self) -> None:
        error = HostError("no")
        self.assertEqual((error,), in_order(error))

    def test_what_it_was_raised_in_place_of_is_not_there(self) -> None:
        with self.assertRaises(HostError) as caught:
            try:
                raise LocalError("inner")
            except LocalError as error:
                raise HostError("outer") from error
        self.assertEqual(["outer"], [each.fact for each in in_order(caught.exception)])

    def test_clean_ups_of_all_kinds(self) -> None:
        def fail(text: str) -> None:
            raise HostError(text)

        with self.assertRaises(HostError) as caught, contextlib.ExitStack() as stack:
            stack.callback(fail, "third")
            stack.callback(fail, "second")
            try:
                raise LocalError("first")
            finally:
                try:
                    raise OSError("cause")
                except OSError:
                    raise HostError("also") from None
        facts = [each.fact for each in in_order(caught.exception)]
        self.assertEqual(["first", "also", "second", "third"], facts)


class PasswordTest(unittest.TestCase):
    def test_passwords_of_urls_are_masked(self) -> None:
        for text, masked in (
            ("http://alice:s3cret@proxy:3128/", "http://alice:***@proxy:3128/"),
            ('Proxy "http://a:p@ss:w@h:1"; x@y', 'Proxy "http://a:***@h:1"; x@y'),
            ("https://:s3cret@h and amqp://u:s3cret@h,u:s3cret@i", None),
            ("qemu+ssh://root@h/system", "qemu+ssh://root@h/system"),
            ("http://h:80/a:b@c", "http://h:80/a:b@c"),
            ("http://h: 80@c", "http://h: 80@c"),
        ):
            with self.subTest(text):
                self.assertNotIn("s3cret", without_passwords(text))
                if masked is not None:
                    self.assertEqual(masked, without_passwords(text))
                self.assertEqual(
                    without_passwords(text), without_passwords(without_passwords(text))
                )

    def test_no_error_has_one(self) -> None:
        text = "http://alice:s3cret@proxy"
        for kind in kinds():
            with self.subTest(kind.__name__):
                self.assertNotIn("s3cret", repr(vars(kind(text, hint=text))))
        error = CommandError(text, 1, text)
        self.assertNotIn("s3cret", f"{error} {error.stderr}")

    def test_it_takes_linear_time(self) -> None:
        begun_s = time.process_time()
        for text in ("://" * 10**6, "://a" + ":" * 10**6, "://" + "a" * 10**6, "://a:@" * 10**5):
            without_passwords(text)
        self.assertLess(time.process_time() - begun_s, 10)


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
