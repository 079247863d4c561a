# SPDX-License-Identifier: Apache-2.0
"""Zuul's playbooks and the roles: lint, syntax, and what they do with a command of our own.

With the real command and a real lab they are run by tests/e2e/lab_job.py.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import yaml

from tests.zuul import environment
from tests.zuul.node import PLAYBOOKS, TOP, Node
from vhost_tempest_plugin.cli import main

# Notes its words, and does what its name has it do.
COMMAND = """\
#!/bin/sh
echo "$*" >> "$0.words"
case "$*" in
    *collect*) for last; do :; done; mkdir -p "$last/lab-0"; echo booted > "$last/lab-0/console.log"
               echo '3 files, 1 not to be had'; exit 0 ;;
    *test*) exit {code} ;;
esac
"""


class NodeCase(unittest.TestCase):
    def setUp(self) -> None:
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.top = Path(scratch.name)
        (self.top / "job").mkdir()
        self.node = Node(self.top / "job")
        self.command = self.top / "vhost"
        self.logs = self.top / "logs"

    def have_command(self, code: int = 0) -> None:
        self.command.write_text(COMMAND.format(code=code))
        self.command.chmod(0o755)

    def words(self) -> list[list[str]]:
        lines = Path(f"{self.command}.words").read_text().splitlines()
        return [line.split() for line in lines]

    def run_lab(self, *, check: bool = True, **more: object) -> subprocess.CompletedProcess[str]:
        variables = {
            "vhost_command": str(self.command),
            "vhost_logs": str(self.logs),
            "vhost_topology": "smt",
            "vhost_lab": "ours",
        }
        return self.node.play(TOP / "playbooks/lab/run.yaml", {**variables, **more}, check=check)

    def collect(self, lab: str, **more: object) -> None:
        variables = {
            "vhost_collect_command": str(self.command),
            "vhost_collect_directory": str(self.logs),
            "vhost_collect_lab": lab,
        }
        self.node.role("vhost_collect", {**variables, **more})

    def parse(self, words: list[str]) -> None:
        """Take words as the real command line does."""
        commands = main.Commands(main.NAMESPACE)
        factory, name, rest = commands.find_command(words)
        factory(main.VhostApp(), None).get_parser(name).parse_args(rest)


class LintTest(unittest.TestCase):
    def lint(self, directory: Path) -> subprocess.CompletedProcess[str]:
        command = [environment.program("ansible-lint"), "--offline", "--nocolor", "--strict"]
        return subprocess.run(
            [*command, "-c", ".ansible-lint.yml", "playbooks", "roles", "zuul.d"],
            cwd=directory,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )

    def test_the_production_profile(self) -> None:
        done = self.lint(TOP)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn("'production' was required, and it passed", done.stderr)

    def test_it_can_fail(self) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            top = Path(scratch)
            shutil.copy(TOP / ".ansible-lint.yml", top)
            for name in ("playbooks", "roles", "zuul.d"):
                shutil.copytree(TOP / name, top / name)
            tasks = top / "roles/vhost_lab/tasks/main.yml"
            tasks.write_text(tasks.read_text() + "\n- shell: vhost list\n")
            done = self.lint(top)
        self.assertNotEqual(0, done.returncode)
        self.assertIn("name[missing]", done.stdout)


class SyntaxTest(NodeCase):
    def test_every_playbook(self) -> None:
        playbooks = [path for path in PLAYBOOKS if path.name != "vars.yaml"]
        self.assertGreaterEqual(len(playbooks), 5)
        *first, last = playbooks
        self.node.play(last, {}, "--syntax-check", *map(str, first))

    def test_it_can_fail(self) -> None:
        play = {"hosts": "all", "tasks": [{"name": "It is unheard of", "unheard_of": {}}]}
        done = self.node.play([play], {}, "--syntax-check", check=False)
        self.assertIn("unheard_of", done.stdout + done.stderr)
        self.assertNotEqual(0, done.returncode)

    def test_roles_say_what_they_take(self) -> None:
        """Each role refuses a variable of the wrong type."""
        tasks = [
            {
                "block": [{"include_role": {"name": name}, "vars": variables}],
                "rescue": [{"debug": {"msg": "It was refused."}}],
            }
            for name, variables in WRONG.items()
        ]
        done = self.node.play([{"hosts": "all", "tasks": tasks}])
        said = done.stdout + done.stderr
        self.assertEqual(len(WRONG), said.count('"msg": "It was refused."'))
        self.assertGreaterEqual(said.count("Validation of arguments failed"), len(WRONG))
        for path in sorted((TOP / "roles").iterdir()):
            self.assertIn(path.name, WRONG)
            self.assertIn("====", (path / "README.rst").read_text())


# One variable of the wrong type for each role.
WRONG = {
    "vhost_node": {"vhost_node_memory_mib": "much"},
    "vhost_install": {"vhost_install_source": "/", "vhost_install_backports": "perhaps"},
    "vhost_lab": {
        **{"vhost_lab_command": "/vhost", "vhost_lab_report": "/report"},
        **{"vhost_lab_tests": {"a": "b"}},
    },
    "vhost_collect": {
        **{"vhost_collect_command": "/vhost", "vhost_collect_directory": "/logs"},
        **{"vhost_collect_reports": [{"name": "no path"}]},
    },
}


class NodeTest(NodeCase):
    def test_a_node_that_is_large_enough(self) -> None:
        done = self.node.role(
            "vhost_node",
            {"vhost_node_memory_mib": 64, "vhost_node_disk_mib": 64, "vhost_node_kvm": False},
        )
        self.assertRegex(done.stdout, r"\d+ MiB of memory and \d+ MiB of disk are free")
        self.assertRegex(done.stdout, "The node has (no )?/dev/kvm")

    def test_one_that_is_not_fails_with_the_numbers(self) -> None:
        for name in ("memory", "disk"):
            with self.subTest(what=name):
                done = self.node.role(
                    "vhost_node", {f"vhost_node_{name}_mib": 99999999}, check=False
                )
                self.assertNotEqual(0, done.returncode)
                self.assertIn("controller is too small", done.stdout)
                self.assertIn("99999999 are needed", done.stdout)
                self.assertIn("Take a larger node", done.stdout)


class LabTest(NodeCase):
    def test_what_is_called(self) -> None:
        self.have_command()
        self.run_lab(vhost_lab_release="2026.1", vhost_lab_tests=["--smoke"])
        self.assertEqual(
            [
                "doctor smt --lab",
                "lab up --name ours --topology smt --release 2026.1",
                f"report ours-0 --output {self.logs}/host",
                "lab check --name ours",
                f"lab test --name ours --output {self.logs}/tests --smoke",
            ],
            [" ".join(words) for words in self.words()],
        )

    def test_the_command_takes_these_words(self) -> None:
        """What the roles say is what the real command line knows."""
        self.have_command()
        self.run_lab(vhost_lab_release="2026.1", vhost_lab_tests=["--smoke"])
        self.collect("ours")
        self.collect("")
        for words in self.words():
            with self.subTest(words=words):
                self.parse(words)

    def test_the_command_takes_what_jobs_ask_of_it(self) -> None:
        jobs = yaml.safe_load((TOP / "zuul.d/jobs.yaml").read_text())
        asked = [job["job"].get("vars", {}).get("vhost_lab_tests") for job in jobs]
        for words in filter(None, asked):
            with self.subTest(words=words):
                self.parse(["lab", "test", *words])

    def test_a_failure_ends_it(self) -> None:
        self.have_command(code=1)
        self.assertNotEqual(0, self.run_lab(check=False).returncode)

    def test_nova_as_zuul_has_checked_it_out(self) -> None:
        self.have_command()
        names = ("openstack/nova", "openstack/vhost-tempest-plugin")
        projects = {f"opendev.org/{name}": {"src_dir": f"src/{name}"} for name in names}
        self.run_lab(zuul={"projects": projects})
        # Ansible's, whatever HOME says.
        home = pwd.getpwuid(os.getuid()).pw_dir
        self.assertIn(["--nova", f"{home}/src/openstack/nova"], [w[-2:] for w in self.words()])


class CollectTest(NodeCase):
    def test_reports_come_first(self) -> None:
        self.have_command()
        for name in ("host", "tests"):
            (self.logs / name).mkdir(parents=True)
            (self.logs / name / "index.html").write_text("<html>")
        self.collect("ours", vhost_collect_url="node/vhost")
        self.assertEqual(
            [
                ("Report on the scenarios", "node/vhost/tests/index.html"),
                ("Report on the host", "node/vhost/host/index.html"),
                ("Console of lab-0", "node/vhost/lab-0/console.log"),
                ("What was collected", "node/vhost/"),
            ],
            [(each["name"], each["url"]) for each in self.node.artifacts()],
        )
        self.assertIn("3 files, 1 not to be had", (self.logs / "collect.txt").read_text())

    def test_where_not_even_the_command_was_installed(self) -> None:
        self.collect("ours")
        self.assertEqual(["What was collected"], [each["name"] for each in self.node.artifacts()])
        said = (self.logs / "collect.txt").read_text()
        self.assertIn(f"{self.command} lab collect", said)
        self.assertIn("Error executing command", said)

    def test_the_real_command_without_a_lab(self) -> None:
        self.command = Path(sys.executable).with_name("vhost")
        self.collect("never-was", vhost_collect_environment={"XDG_STATE_HOME": str(self.top)})
        said = (self.logs / "collect.txt").read_text()
        self.assertIn("there is no lab 'never-was'", said)
        self.assertEqual(1, len(self.node.artifacts()))

    def test_what_was_returned_before_stays(self) -> None:
        self.have_command()
        self.collect("ours")
        self.collect("ours")
        self.assertEqual(4, len(self.node.artifacts()))


class DevstackTest(NodeCase):
    """The jobs on devstack, as far as that goes without one."""

    STESTR = "#!/bin/sh\necho stream\n"

    def setUp(self) -> None:
        super().setUp()
        self.stack = self.top / "stack"
        self.command = self.stack / "data/venv/bin/vhost"
        stestr = self.stack / "tempest/.tox/tempest/bin/stestr"
        for path in (self.command, stestr):
            path.parent.mkdir(parents=True)
        stestr.write_text(self.STESTR)
        stestr.chmod(0o755)

    def post(self, *, check: bool = True, **more: object) -> subprocess.CompletedProcess[str]:
        variables = {
            "ansible_become": False,
            "vhost_stack": str(self.stack),
            "vhost_logs": str(self.logs),
            "vhost_topology": "small",
            "tempest_test_regex": "smoke",
            "zuul_success": True,
        }
        playbook = TOP / "playbooks/devstack/post.yaml"
        inventory = self.top / "inventory"
        inventory.write_text("[tempest]\ncontroller\n")
        return self.node.play(
            playbook, {**variables, **more}, "--inventory", str(inventory), check=check
        )

    def test_a_run_that_went_well(self) -> None:
        self.have_command()
        self.post(tempest_exclude_regex="slow")
        stream = self.logs / "tests.subunit"
        self.assertEqual("stream\n", stream.read_text())
        collect, required = self.words()
        self.assertEqual(["collect", str(self.logs)], collect)
        words = f"--config-file {self.stack}/tempest/etc/tempest.conf --subunit {stream}"
        patterns = "--regex smoke --exclude-regex slow"
        self.assertEqual(f"required-tests {words} {patterns}".split(), required)
        self.parse(required)
        self.assertIn("What was collected", [each["name"] for each in self.node.artifacts()])

    def test_a_test_that_did_not_run(self) -> None:
        self.have_command(code=1)
        self.assertNotEqual(0, self.post(check=False).returncode)
        self.assertTrue((self.logs / "collect.txt").is_file())

    def test_a_run_that_failed(self) -> None:
        """What failed it is no test that did not run."""
        self.have_command(code=1)
        self.post(zuul_success=False)
        self.assertEqual(["collect"], [words[0] for words in self.words()])
