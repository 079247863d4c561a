# SPDX-License-Identifier: Apache-2.0
"""A real Zuul runs the job vhost-tempest-plugin-lab for a change in a local repository.

Not part of ``make test``. As root, with Java:

    python -m unittest tests.e2e.real_zuul.RealZuulTest.test_the_job_without_its_lab
    python -m unittest tests.e2e.real_zuul.RealZuulTest.test_the_job
"""

import os
import re
import sys
import tempfile
import unittest
from pathlib import Path
from typing import ClassVar

from tests.e2e import emulated
from tests.zuul import real

# What stands in for the lab is no more than a report on it.
NO_LAB = {
    "roles/vhost_lab/tasks/main.yml": """---
- name: Ask the command who it is
  ansible.builtin.command:
    argv: ["{{ vhost_lab_command }}", --version]
  changed_when: false

- name: Make a directory
  ansible.builtin.file:
    path: "{{ vhost_lab_report }}/host"
    state: directory
    mode: "0755"

- name: Report
  ansible.builtin.copy:
    content: "{{ vhost_lab_name }} {{ vhost_lab_topology }} {{ vhost_lab_tests }}"
    dest: "{{ vhost_lab_report }}/host/index.html"
    mode: "0644"
"""
}
# A change that the job is relevant for, and that changes nothing.
NOTHING = {"roles/a_change": "of no consequence\n"}
WITHOUT_LAB_S = 1200.0
# What the job may take.
LAB_S = 5400.0
# Where the builds' logs stay, where that is set.
LOGS = "VHOST_ZUUL_LOGS"


@unittest.skipUnless(os.geteuid() == 0, "the node is this machine, which only root can hand out")
class RealZuulTest(unittest.TestCase):
    """One Zuul for all tests."""

    vhost: ClassVar[emulated.Vhost]
    zuul: ClassVar[real.Zuul]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.vhost = cls.enterClassContext(emulated.home())
        scratch = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="vhost-zuul-")))
        logs = Path(os.environ.get(LOGS, scratch / "logs")).absolute()
        logs.mkdir(exist_ok=True)
        servers = scratch / "servers"
        servers.mkdir()
        node = {"XDG_STATE_HOME": str(cls.vhost.state), "LC_ALL": "C.UTF-8"}
        cls.zuul = cls.enterClassContext(real.zuul(servers, node, logs))

    def built(self, files: dict[str, str], message: str, limit_s: float) -> Path:
        """Where the logs are of the one build of a change, which has to succeed."""
        *tries, build = self.zuul.build(files, message, limit_s)
        logs = build.logs
        assert logs is not None, (*tries, build)
        said = (logs / "job-output.txt").read_text()
        phases = re.findall(r"^.* \| (?:PRE-|POST-)?RUN (?:START|END).*$", said, flags=re.M)
        failed = build.result != "SUCCESS"
        print(said if failed else "\n".join(phases), file=sys.__stderr__, flush=True)
        self.assertEqual((real.JOB, "SUCCESS", []), (build.job, build.result, tries))
        for name, url in build.artifacts.items():
            with self.subTest(artifact=name):
                self.assertTrue(Path(url.removeprefix("file://")).exists(), url)
        self.assertIn("Report on the host", build.artifacts)
        return logs

    def test_the_job_without_its_lab(self) -> None:
        logs = self.built(NO_LAB, "A lab that is none", WITHOUT_LAB_S)
        self.assertEqual("zuul small ['--smoke']", (logs / "vhost/host/index.html").read_text())
        self.assertIn("lab collect --name zuul", (logs / "vhost/collect.txt").read_text())

    def test_the_job(self) -> None:
        logs = self.built(NOTHING, "Nothing", LAB_S)
        host = (logs / "vhost/host/index.html").read_text()
        (page,) = re.findall(r'href="([\w-]+\.html)"', host)
        self.assertIn("<svg", (logs / "vhost/host" / page).read_text())
        self.assertIn('href="tests.html"', (logs / "vhost/tests/index.html").read_text())
