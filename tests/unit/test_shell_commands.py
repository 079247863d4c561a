# SPDX-License-Identifier: Apache-2.0
"""Every ``vhost`` command of the scripts, roles and playbooks is taken by its own parser."""

import re
import shlex
import unittest
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from jinja2 import meta
from jinja2.nativetypes import NativeEnvironment

from tests.unit.test_hints import complaint

TOP = Path(__file__).resolve().parents[2]
SCRIPTS = (TOP / "devstack/plugin.sh", TOP / "tools/demo.sh", *sorted(TOP.glob(".ci/*")))
TASKS = (*sorted(TOP.glob("roles/*/tasks/*.yml")), *sorted(TOP.glob("playbooks/**/*.yaml")))

COMMAND = re.compile(r'\bvhost(?:_do|_as_root)?"?\s+(?=[a-z])')
VARIABLE = re.compile(r"\$(?:\{\w+\}|\w+)")
ARRAY = re.compile(r'"\$\{(\w+)\[@\]\}"')
# Variables stand for this word, but those that a parser has an opinion of.
WORD = "word"
KNOWN: Mapping[str, object] = {
    **{"VHOST_HOSTS": "2", "VHOST_CHECKS": "vfio"},
    **{"vhost_lab_tests": ["--smoke"]},
}


def lines(script: str) -> Iterator[str]:
    """The lines of a script without comments, each command on one of its own."""
    for line in re.sub(r"\\\n\s*", "", script).splitlines():
        if not line.lstrip().startswith("#"):
            yield line


def shell_commands(script: str) -> Iterator[list[str]]:
    """The arguments of ``vhost`` wherever a script runs it or names it in a message."""
    for line in lines(script):
        for match in COMMAND.finditer(line):
            rest = line[match.end() :]
            for quote in "\"'":
                if line[: match.end()].count(quote) % 2:
                    rest = rest.partition(quote)[0]
            # An explanation after it, as in the text of a help.
            rest = re.split(r"\s{3,}", rest.rstrip())[0]
            rest = ARRAY.sub(lambda array: all_words(script, array[1]), rest)
            rest = VARIABLE.sub(lambda found: value(found[0].strip("${}")), rest)
            reader = shlex.shlex(rest, posix=True, punctuation_chars=True)
            reader.whitespace_split = True
            words = []
            for word in reader:
                if word.startswith(tuple("();<>|&")):
                    break
                words.append(word)
            yield words


def all_words(script: str, array: str) -> str:
    """What a script may put into an array, all of it."""
    return " ".join(re.findall(rf"\b{array}\+=\(([^)]*)\)", script))


def value(variable: str) -> str:
    return str(KNOWN.get(variable, WORD))


def task_commands(tasks: object) -> Iterator[list[str]]:
    """The arguments of ``vhost`` in Ansible's tasks, with each optional part and without it."""
    if isinstance(tasks, list):
        for task in tasks:
            yield from task_commands(task)
    elif isinstance(tasks, dict):
        for key, content in tasks.items():
            if key == "argv" and re.search(r"\bvhost_\w*command\b", str(content)):
                yield rendered(content, optional=True)
                yield rendered(content, optional=False)
            else:
                yield from task_commands(content)


def rendered(argv: str | list[str], *, optional: bool) -> list[str]:
    """The arguments of ``vhost`` in an ``argv`` of Ansible.

    :param optional: whether what decides about a part is set
    """
    environment = NativeEnvironment(autoescape=False)
    whole = argv if isinstance(argv, str) else "\n".join(argv)
    decisive = set() if optional else set(re.findall(r"\bif (\w+)", whole))
    names = meta.find_undeclared_variables(environment.parse(whole))
    values = {name: "" if name in decisive else KNOWN.get(name, WORD) for name in names}
    if isinstance(argv, str):
        words = environment.from_string(argv).render(values)
    else:
        words = [environment.from_string(word).render(values) for word in argv]
    return [str(word) for word in words[1:]]


class ShellCommandsTest(unittest.TestCase):
    def check(self, words: list[str]) -> None:
        self.assertEqual("", complaint(words), words)

    def test_scripts(self) -> None:
        count = 0
        for script in SCRIPTS:
            for words in shell_commands(script.read_text()):
                count += 1
                with self.subTest(script=str(script.relative_to(TOP)), words=words):
                    self.check(words)
        self.assertGreaterEqual(count, 26)

    def test_roles_and_playbooks(self) -> None:
        count = 0
        for page in TASKS:
            for words in task_commands(yaml.safe_load(page.read_text())):
                count += 1
                with self.subTest(page=str(page.relative_to(TOP)), words=words):
                    self.check(words)
        self.assertGreaterEqual(count, 14)

    def test_what_is_found_in_a_script(self) -> None:
        script = """
        # vhost unheard of
        more+=(--whitebox) && more+=(--ssh-access "$place")
        vhost_do network create "$VHOST_NAME" \\
            --ports "$VHOST_HOSTS" || die "'vhost image build' failed; see"
        names=$("$BIN/vhost" stack run --name $VHOST_NAME "${more[@]}") || exit 1
        start "$BIN/vhost lab logs $host" "other"
          vhost lab destroy     removes it
        """
        self.assertEqual(
            [
                ["network", "create", "word", "--ports", "2"],
                ["image", "build"],
                [*["stack", "run", "--name", "word", "--whitebox", "--ssh-access", "word"]],
                ["lab", "logs", "word"],
                ["lab", "destroy"],
            ],
            list(shell_commands(script)),
        )

    def test_what_is_found_in_tasks(self) -> None:
        task = {
            "ansible.builtin.command": {
                "argv": "{{ [vhost_command, 'lab'] + (['--nova', path] if path else []) }}"
            }
        }
        self.assertEqual(
            [["lab", "--nova", "word"], ["lab"]], list(task_commands([{"block": [task]}]))
        )
