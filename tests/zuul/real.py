# SPDX-License-Identifier: Apache-2.0
"""A real Zuul: its scheduler, executor and launcher, with local repositories and one node.

The repositories are those of the tenant that is loaded elsewhere too (``tenant.yaml``), with
the same stand-ins; ours is that of this working tree, as far as it is committed. What is added
is what only a Zuul that runs has a use for: a pipeline for what is pushed, a base job that
brings repositories to a node and logs back from there (``base``), and this machine as the node.
"""

import contextlib
import functools
import json
import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.zuul import debian, environment, loading, servers
from vhost_tempest_plugin.util import atomic_file, tcp_ports

HERE = Path(__file__).resolve().parent
TENANT = HERE / "tenant.yaml"
JOB = "vhost-tempest-plugin-lab"
PIPELINE = "push"
BRANCH = "master"
# The label of a plain node, and one that is known while no provider has it.
LABEL = "ubuntu-noble"
NESTED = "nested-virt-ubuntu-noble"
# In the scheduler's log.
SEEN = f"Read 1 refs for project {loading.PROJECT}"
RUNS = "'kind': 'scheduler', .*'state': 'running'"
READY_S = 300.0
# Seldom: a job may have the whole machine busy.
POLL_S = 2.0
_AUTHOR = ("-c", "user.name=zuul", "-c", "user.email=zuul@localhost")


@dataclass(frozen=True)
class Build:
    """How a job has ended."""

    job: str
    result: str
    logs: Path | None
    artifacts: Mapping[str, str] = field(default_factory=dict)


class Repositories:
    """The tenant's repositories."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "git"
        self._trees = directory / "trees"

    def make(self, project: str, files: Mapping[str, str]) -> None:
        """A repository with one commit."""
        bare = self._bare(project)
        tree = self._trees / project
        self._git("clone", "--quiet", str(bare), str(tree))
        self.commit(project, files, "Begin")

    def take(self, project: str, top: Path) -> None:
        """The repository that a working tree is of."""
        bare = self._bare(project)
        self._git("-C", str(top), "push", "--quiet", str(bare), f"HEAD:refs/heads/{BRANCH}")
        self._git("clone", "--quiet", str(bare), str(self._trees / project))

    def commit(self, project: str, files: Mapping[str, str], message: str) -> str:
        """Change files and push that; the commit's name."""
        tree = self._trees / project
        for name, content in files.items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self._git("-C", str(tree), "add", "--all")
        self._git("-C", str(tree), *_AUTHOR, "commit", "--quiet", "--allow-empty", "-m", message)
        self._git("-C", str(tree), "push", "--quiet", "origin", f"HEAD:refs/heads/{BRANCH}")
        return self._git("-C", str(tree), "rev-parse", "HEAD")

    def _bare(self, project: str) -> Path:
        bare = self.directory / project
        self._git("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(bare))
        return bare

    @staticmethod
    def _git(*words: str) -> str:
        done = subprocess.run(["git", *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()


class Zuul:
    """One that runs."""

    def __init__(
        self,
        repositories: Repositories,
        database: servers.Database,
        parts: Sequence[servers.Server],
    ) -> None:
        self.repositories = repositories
        self._database = database
        self._parts = parts

    def build(self, files: Mapping[str, str], message: str, limit_s: float) -> list[Build]:
        """Push a change to our repository and wait for what Zuul makes of it."""
        commit = self.repositories.commit(loading.PROJECT, files, message)
        found: list[dict[str, Any]] = []

        def reported() -> bool:
            found[:] = self._database.query(
                "SELECT DISTINCT s.id FROM zuul_buildset s"
                " JOIN zuul_buildset_ref l ON l.buildset_id = s.id"
                " JOIN zuul_ref r ON r.id = l.ref_id"
                " WHERE r.newrev = %s AND s.result IS NOT NULL",
                commit,
            )
            return bool(found)

        servers.wait_for(f"a result for {commit}", reported, self._parts, limit_s, POLL_S)
        return [self._build(row) for row in self._builds(found[0]["id"])]

    def _builds(self, buildset: int) -> list[dict[str, Any]]:
        return self._database.query(
            "SELECT id, job_name, result, log_url FROM zuul_build WHERE buildset_id = %s"
            " ORDER BY id",
            buildset,
        )

    def _build(self, row: Mapping[str, Any]) -> Build:
        artifacts = self._database.query(
            "SELECT name, url FROM zuul_artifact WHERE build_id = %s ORDER BY id", row["id"]
        )
        logs = Path(row["log_url"].removeprefix("file://")) if row["log_url"] else None
        named = {each["name"]: each["url"] for each in artifacts}
        return Build(row["job_name"], row["result"], logs, named)


@contextlib.contextmanager
def zuul(directory: Path, node: Mapping[str, str], logs: Path) -> Iterator[Zuul]:
    """A Zuul that waits for a change.

    :param directory: empty
    :param node: the environment of sessions on the node
    :param logs: where builds leave theirs
    """
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context
        keeper = enter(servers.zookeeper(servers.new_directory(directory, "zookeeper")))
        database = enter(servers.mariadb(servers.new_directory(directory, "mariadb")))
        machine = enter(servers.sshd(servers.new_directory(directory, "node"), node))
        repositories = _repositories(directory, machine)
        own = servers.new_directory(directory, "zuul")
        # Elsewhere, since ssh's control sockets have long names there, and sockets may not.
        builds = Path(enter(tempfile.TemporaryDirectory(prefix="z-")))
        configuration = _configure(own, builds, keeper, database, machine, repositories, logs)
        path = f"{debian.root() / 'usr/bin'}:{os.environ['PATH']}"
        words = ("-f", "-d", "-c", str(configuration))
        commands: dict[str, list[str | Path]] = {
            "scheduler": [environment.program("zuul-scheduler")],
            "executor": [environment.program("python"), HERE / "executor.py"],
            "launcher": [environment.program("zuul-launcher")],
        }
        parts = [
            enter(servers.running(own, name, [*command, *words], {"PATH": path}))
            for name, command in commands.items()
        ]
        # What is there from the beginning is no change, and what comes before the tenant is loaded
        # is lost.
        scheduler = parts[0]
        for news in SEEN, RUNS:
            servers.wait_for(news, functools.partial(scheduler.has, news), parts, READY_S)
        yield Zuul(repositories, database, parts)


def _repositories(directory: Path, machine: servers.Node) -> Repositories:
    repositories = Repositories(directory)
    (tenant,) = yaml.safe_load(TENANT.read_text())
    source = tenant["tenant"]["source"]["opendev"]
    for project in source["config-projects"] + source["untrusted-projects"]:
        if project == loading.PROJECT:
            repositories.take(project, loading.TOP)
            continue
        stand_in = loading.ELSEWHERE / f"{project}.yaml"
        files = {"README": project}
        if stand_in.is_file():
            files["zuul.d/stand-in.yaml"] = stand_in.read_text()
        if project == "opendev/base-jobs":
            books = (HERE / "base").glob("*.yaml")
            files |= {f"playbooks/base/{book.name}": book.read_text() for book in books}
        if project == "openstack/project-config":
            files["zuul.d/real.yaml"] = yaml.safe_dump(_additions(machine))
        repositories.make(project, files)
    return repositories


def _additions(machine: servers.Node) -> list[dict[str, Any]]:
    """What is configured beside the stand-ins."""
    updated = {"event": "ref-updated", "ref": f"^refs/heads/{BRANCH}$"}
    place = {"name": servers.LOOPBACK, "connection-port": machine.port, "username": "root"}
    named = {"name": LABEL, "image": "this", "flavor": "this"}
    return [
        {
            "pipeline": {
                "name": PIPELINE,
                "manager": "independent",
                "trigger": {"opendev": [updated]},
            }
        },
        {"project": {"name": loading.PROJECT, PIPELINE: {"jobs": [JOB]}}},
        {"image": {"name": "this", "type": "cloud"}},
        {"flavor": {"name": "this"}},
        {"label": named},
        {"label": {**named, "name": NESTED}},
        {
            "section": {
                "name": "this",
                "connection": "static",
                "images": ["this"],
                "flavors": ["this"],
            }
        },
        {
            "provider": {
                "name": "this",
                "section": "this",
                "labels": [LABEL],
                "nodes": [{**place, "label": LABEL}],
            }
        },
    ]


def _configure(
    own: Path,
    builds: Path,
    keeper: servers.ZooKeeper,
    database: servers.Database,
    machine: servers.Node,
    repositories: Repositories,
    logs: Path,
) -> Path:
    """Write Zuul's files; the one that is for all of its parts."""
    for name in ("merger", "executor", "state", "launcher"):
        servers.new_directory(own, name)
    site = own / "site.yaml"
    # The node's console is not asked for what tasks say: it would listen on every address.
    site.write_text(json.dumps({"site_logs": str(logs), "zuul_console_disabled": True}))
    (tenant,) = yaml.safe_load(TENANT.read_text())
    # Launchers are the only ones that have nodes.
    tenant["tenant"]["use-nodepool"] = False
    (own / "tenant.yaml").write_text(yaml.safe_dump([tenant]))
    sections: dict[str, dict[str, object]] = {
        "zookeeper": {
            "hosts": f"{servers.LOOPBACK}:{keeper.port}",
            "tls_key": keeper.key,
            "tls_cert": keeper.certificate,
            "tls_ca": keeper.certificate,
        },
        "keystore": {"password": secrets.token_hex(16)},
        "database": {"dburi": database.uri},
        "scheduler": {
            "tenant_config": own / "tenant.yaml",
            "command_socket": own / "scheduler.socket",
        },
        "merger": {
            "git_dir": own / "merger",
            "git_user_name": "zuul",
            "git_user_email": "zuul@localhost",
        },
        "executor": {
            "ansible_root": environment.ansible(),
            "command_socket": own / "executor.socket",
            "disk_limit_per_job": 2000,
            "finger_port": tcp_ports.choose(1)[0],
            "git_dir": own / "executor",
            "job_dir": builds,
            # It is the only one, however busy the machine.
            "load_multiplier": 1000,
            "min_avail_hdd": 1,
            "private_key_file": machine.key,
            "state_dir": own / "state",
            "trusted_rw_paths": logs,
            "variables": site,
        },
        "launcher": {"command_socket": own / "launcher.socket", "temp_dir": own / "launcher"},
        "connection opendev": {
            "driver": "git",
            "baseurl": f"file://{repositories.directory}",
            "canonical_hostname": "opendev.org",
            "poll_delay": 3,
        },
        "connection static": {"driver": "static"},
    }
    text = "".join(
        f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in values.items())
        for name, values in sections.items()
    )
    configuration = own / "zuul.conf"
    atomic_file.write(configuration, text)
    return configuration
