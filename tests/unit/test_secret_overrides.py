# SPDX-License-Identifier: Apache-2.0
"""Secrets among the options that are set by hand: on no command line, in no output."""

import json
import subprocess
import unittest
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from oslo_config import cfg

from tests.unit import lab_settings
from vhost_tempest_plugin.cli.lab import config
from vhost_tempest_plugin.cloud.compute import option_lookup, options
from vhost_tempest_plugin.cloud.configuration import override, render
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.cloud.configuration.settings import Override
from vhost_tempest_plugin.cloud.deployment import failure
from vhost_tempest_plugin.errors import MASK, InputError

API = Service.NOVA_API
SECRET = Override(API, "vendordata_dynamic_auth", "password", "s3/cret", secret=True)
SEVERAL = Override(API, "a", "keys", ("k3y-one", "k3y-two"), secret=True)
PLAIN = Override(API, "DEFAULT", "debug", "true")


class MaskTest(unittest.TestCase):
    def test_everything_shown_is_masked(self) -> None:
        lab = replace(lab_settings.settings(), overrides=(SECRET, SEVERAL, PLAIN))
        shown = failure.mask(render.text(render.options(lab)[API]), lab.hidden)
        for value in (*SECRET.values, *SEVERAL.values, *lab.secrets.values):
            self.assertNotIn(value, shown)
        self.assertIn("debug = true", shown)
        self.assertEqual(f"?p={MASK}", failure.mask("?p=s3%2Fcret", lab.hidden))

    def test_one_that_is_part_of_another(self) -> None:
        self.assertEqual(MASK, failure.mask("s3cret-long", ("s3cret", "s3cret-long")))

    def test_the_list_masks_secrets_only(self) -> None:
        lab = SimpleNamespace(record=SimpleNamespace(overrides=(SECRET, SEVERAL, PLAIN)))
        with mock.patch.object(config.Lab, "find", return_value=lab):
            listing = config.List(mock.Mock(), None)
            _, rows = listing.take_action(Namespace(name="lab", service=None))
        self.assertEqual([MASK, MASK, "true"], [row[-1] for row in rows])


class VerifyTest(unittest.TestCase):
    KNOWN: option_lookup.Known = {  # noqa: RUF012 - only read
        "a": {"password": cfg.StrOpt("password", secret=True), "number": cfg.IntOpt("number")},
        "b": {"pin": cfg.IntOpt("pin", secret=True)},
    }

    def test_what_is_registered_as_a_secret(self) -> None:
        for section, name, secret in (
            ("a", "password", True),
            ("a", "number", False),
            ("b", "pin", True),
            ("c", "password", False),
        ):
            self.assertEqual(secret, option_lookup.is_secret(self.KNOWN, section, name))

    def test_a_complaint_shows_no_secret(self) -> None:
        said = option_lookup.complaint(self.KNOWN, "b", "pin", ["s3cret"])
        assert said is not None
        self.assertNotIn("s3cret", said)
        said = option_lookup.complaint(self.KNOWN, "a", "number", ["x"])
        assert said is not None
        self.assertIn("'x'", said)

    def test_overrides_are_marked(self) -> None:
        asked = (Override(API, "a", "password", "x"), PLAIN, Override(API, "os_glance_x", "y", "z"))
        answer = subprocess.CompletedProcess([], 0, json.dumps([[None, True], [None, False]]), "")
        with mock.patch("vhost_tempest_plugin.util.process.run", return_value=answer) as run:
            found = options.verify(Path("/venv"), asked)
        self.assertEqual(
            {"password": True, "debug": False, "y": False},
            {each.option: each.secret for each in found},
        )
        self.assertNotIn("x", run.call_args.args[0])


class FromFileTest(unittest.TestCase):
    def test_lines(self) -> None:
        text = "# why\n\n a.b = c=d \nb=1\n  # more\n"
        self.assertEqual([" a.b = c=d ", "b=1"], override.lines(text, "f"))
        [first, second] = override.parse("nova-api", override.lines(text, "f"))
        self.assertEqual(("a", "b", "c=d"), (first.section, first.option, first.value))
        self.assertEqual(("DEFAULT", "b", "1"), (second.section, second.option, second.value))

    def test_a_line_that_is_none_is_not_shown(self) -> None:
        for line in ("s3cret", "=s3cret", "a.=s3cret", "a]b=s3cret"):
            with self.subTest(line), self.assertRaisesRegex(InputError, "^line 2 of f") as raised:
                override.lines(f"a.b=c\n{line}\n", "f")
            self.assertNotIn("s3cret", str(raised.exception))

    def test_a_command_with_neither(self) -> None:
        command = config.Set(mock.Mock(), None)
        parsed = command.get_parser("vhost lab config set").parse_args(["nova-api"])
        with self.assertRaisesRegex(InputError, "no option is given; .*--from-file"):
            command.take_action(parsed)

    def test_a_file_that_is_not_there(self) -> None:
        command = config.Set(mock.Mock(), None)
        words = ["nova-api", "--from-file", "/nowhere"]
        parsed = command.get_parser("vhost lab config set").parse_args(words)
        with self.assertRaisesRegex(InputError, "/nowhere cannot be read"):
            command.take_action(parsed)
