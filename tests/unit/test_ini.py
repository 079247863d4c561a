# SPDX-License-Identifier: Apache-2.0
import unittest

from hypothesis import given
from hypothesis import strategies as st
from oslo_config import cfg

from tests.unit.test_configuration import options_strategy, read
from vhost_tempest_plugin.cloud.configuration import ini, render
from vhost_tempest_plugin.cloud.configuration.settings import Options
from vhost_tempest_plugin.errors import InputError


def parsed(text: str) -> dict[str, dict[str, list[str]]]:
    return {
        section: {option: list(values) for option, values in content.items()}
        for section, content in ini.parse(text, "nova.conf").items()
    }


# Of which files are made that oslo.config takes, and others.
LINES = st.sampled_from(
    [
        *("[DEFAULT]\n", "[pci]\n", "[PCI]\n", "[]\n", "[pci\n", "\n", "  \n", "# c\n", "; c\n"),
        *("a = 1\n", "a: 2\n", "b = 'q'\n", 'b = "\n', "b =\n", "= v\n", "none\n", "a = x:=y\n"),
        *("  more\n", "\t# more\n", "  [pci]\n", " c = d\n", "e = \x0c\x1c\n", "f = \u2028g\n"),
    ]
)


class ParseTest(unittest.TestCase):
    @given(options_strategy)
    def test_as_oslo_config_does(self, options: Options) -> None:
        text = render.text(options)
        self.assertEqual(read(text), parsed(text))

    @given(st.lists(LINES).map("".join))
    def test_any_file_as_oslo_config_does(self, text: str) -> None:
        try:
            expected = read(text)
        except cfg.ParseError:
            with self.assertRaisesRegex(InputError, r"\Anova.conf, line \d+: "):
                parsed(text)
        else:
            self.assertEqual(expected, parsed(text))

    def test_what_only_looks_like_a_comment(self) -> None:
        self.assertEqual({"a": {"b": ["c\n# d"]}}, parsed("[a]\nb = c\n  # d\n"))
        with self.assertRaisesRegex(InputError, r"\Anova.conf, line 4: .*; correct it\Z"):
            parsed("[a]\nb = c\n# d\n  e\n")

    def test_sections_are_looked_up_in_small_letters(self) -> None:
        self.assertEqual({"pci": {"a": ["1", "2"]}}, parsed("[PCI]\na = 1\n[pci]\na = 2\n"))

    def test_a_quote_that_stands_alone(self) -> None:
        text = "[DEFAULT]\na = \"\nb = '\n"
        self.assertEqual({"DEFAULT": {"a": [""], "b": [""]}}, parsed(text))
        self.assertEqual(read(text), parsed(text))

    def test_what_devstack_writes(self) -> None:
        text = (
            "\n[DEFAULT]\n# by hand\ndebug = True\n"
            "transport_url = rabbit://stackrabbit:a=b@192.0.2.2:5672/nova_cell1\n"
            "logging_exception_prefix = ERROR %(name)s \x1b[01;35m%(instance)s\x1b[00m\n"
            '\n[pci]\nalias = {"name": "a"}\nalias = {"name": "b"}\nlong = one\n  two\nempty =\n'
        )
        self.assertEqual(read(text), parsed(text))
        self.assertEqual(('{"name": "a"}', '{"name": "b"}'), ini.parse(text, "")["pci"]["alias"])

    def test_what_is_no_such_file(self) -> None:
        for text in ("debug = true\n", "[DEFAULT]\ndebug\n", "[DEFAULT]\n  more\n"):
            with (
                self.subTest(text),
                self.assertRaisesRegex(InputError, r"\Anova.conf, line \d.*; correct it\Z"),
            ):
                ini.parse(text, "nova.conf")

    def test_the_last_of_several_values_counts(self) -> None:
        options = ini.parse("[DEFAULT]\ndebug = true\ndebug = false\n", "")
        self.assertEqual("false", ini.last(options, "debug"))
        self.assertIsNone(ini.last(options, "verbose"))
        self.assertIsNone(ini.last(options, "debug", "nowhere"))


class EditTest(unittest.TestCase):
    @given(options_strategy, options_strategy)
    def test_an_edited_file_has_the_options_and_all_others(
        self, before: Options, options: Options
    ) -> None:
        options = render.literal(options)
        text = ini.edited(render.text(before), options)
        expected = {
            section: dict(content) for section, content in parsed(render.text(before)).items()
        }
        for section, content in options.items():
            for option, value in content.items():
                each = value if isinstance(value, tuple) else (value,)
                expected.setdefault(section, {})[option] = list(each)
        self.assertEqual(expected, parsed(text))
        self.assertEqual(text, ini.edited(text, options))

    @given(st.lists(LINES).map("".join), options_strategy)
    def test_any_file_that_oslo_config_takes_can_be_edited(
        self, text: str, options: Options
    ) -> None:
        try:
            expected = read(text)
        except cfg.ParseError:
            with self.assertRaises(InputError):
                ini.edited(text, options)
            return
        for section, content in options.items():
            for option, value in content.items():
                each = value if isinstance(value, tuple) else (value,)
                expected.setdefault(section, {})[option] = list(each)
        self.assertEqual(expected, read(ini.edited(text, options)))

    def test_comments_and_order_stay(self) -> None:
        before = "# devstack's\n\n[pci]\n"
        after = "# mine\n{}other = 1\n\n[DEFAULT]\na = 1\n"
        edited = ini.edited(
            before + after.format("alias = old\n  continued\n"),
            {"pci": {"alias": ("one", "two")}, "new": {"b": "2"}},
        )
        self.assertEqual(
            f"{before}alias = one\nalias = two\n{after.format('')}\n[new]\nb = 2\n", edited
        )
