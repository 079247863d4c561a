# SPDX-License-Identifier: Apache-2.0
"""This machine as a node of Zuul's: playbooks run here, with Zuul's own ``zuul_return``."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.zuul import environment

TOP = Path(__file__).resolve().parents[2]
PLAYBOOKS = sorted(TOP.glob("playbooks/*/*.yaml"))


class Node:
    """A node, and the directory of a job on the executor.

    :param directory: empty; Ansible's own files go there too
    :param variables: of the environment, beside this process's
    """

    def __init__(self, directory: Path, variables: Mapping[str, str] | None = None) -> None:
        self._directory = directory
        self._results = directory / "work" / "results.json"
        actions = directory / "actions"
        for path in (self._results.parent, actions):
            path.mkdir()
        # As the executor does, before the first playbook.
        self._results.touch()
        (directory / "ansible.cfg").touch()
        action = environment.packages() / "zuul/ansible/base/action/zuul_return.py"
        (actions / action.name).symlink_to(action)
        self._environment = {
            **os.environ,
            **(variables or {}),
            "ANSIBLE_ACTION_PLUGINS": str(actions),
            "ANSIBLE_CONFIG": str(directory / "ansible.cfg"),
            "ANSIBLE_HOME": str(directory / "ansible"),
            "ANSIBLE_INJECT_FACT_VARS": "false",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_ROLES_PATH": str(TOP / "roles"),
            "ANSIBLE_STDOUT_CALLBACK": "default",
            # Ansible runs in no other.
            "LC_ALL": "C.UTF-8",
            "ZUUL_JOBDIR": str(directory),
        }

    def play(
        self,
        playbook: Path | Sequence[Mapping[str, Any]],
        variables: Mapping[str, Any] | None = None,
        *words: str,
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run a playbook, given as a file or as its plays.

        :param variables: win over all others
        """
        if not isinstance(playbook, Path):
            path = self._directory / "playbook.json"
            path.write_text(json.dumps(playbook))
            playbook = path
        facts = {"ansible_python_interpreter": "/usr/bin/python3", **(variables or {})}
        command = [environment.program("ansible-playbook"), "--inventory", "controller,"]
        command += ["--connection", "local", "--extra-vars", json.dumps(facts), *words, playbook]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{playbook} failed: {done.stdout}{done.stderr}")
        return done

    def role(
        self, name: str, variables: Mapping[str, Any], *, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run one of the roles."""
        play = {"hosts": "all", "tasks": [{"include_role": {"name": name}, "vars": variables}]}
        return self.play([play], check=check)

    def artifacts(self) -> list[dict[str, Any]]:
        """What was returned to Zuul, in the order of the build's page."""
        returned = json.loads(self._results.read_text() or '{"data": {}}')
        found = returned["data"].get("zuul", {}).get("artifacts", [])
        assert isinstance(found, list)
        return found
