# SPDX-License-Identifier: Apache-2.0
"""What whoever runs the real devstack says by the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

MIRRORS = "VHOST_DEVSTACK_MIRRORS"
BRANCH = "stable/2026.1"
# As in zuul.d/jobs.yaml.
SMOKE = r"^vhost_tempest_plugin\..*\[.*\bsmoke\b"
# Of the services of the sample, and tempest; those without that branch have one for all releases.
PROJECTS = (
    *("devstack", "requirements", "keystone", "glance", "placement", "neutron", "nova"),
    *("tempest", "os-test-images"),
)


@dataclass(frozen=True)
class Settings:
    """All of them.

    :param root: where root file systems, caches and what belongs to them are
    :param mirrors: has a git directory ``openstack+NAME/repo`` for each project
    :param logs: where logs go
    :param sample: a ``local.conf`` of ``devstack/samples``, without its suffix
    :param lines: a file with more lines of ``local.conf``
    :param commit: of this project
    :param projects: those of OpenStack that are there to be cloned
    :param tests: those to run, a regular expression as of ``tempest run``
    :param fresh: begin with a root file system that nothing was done to
    :param keep: leave the container running
    :param controller: the *root* of another devstack at which this one registers, as a machine with
        a network of its own
    """

    root: Path
    mirrors: Path
    logs: Path
    sample: str
    lines: Path | None
    topology: str
    commit: str
    branch: str
    projects: tuple[str, ...]
    tests: str
    fresh: bool
    keep: bool
    controller: Path | None

    @property
    def machine(self) -> str:
        """The container's name."""
        return "devstack" if self.controller is None else "subnode"

    @property
    def kept(self) -> Path:
        """Where what was downloaded is, and the passwords: the controller's."""
        return self.root if self.controller is None else self.controller

    def of_controller(self) -> "Settings":
        """Those by which the controller is found, and left running."""
        assert self.controller is not None
        return replace(self, root=self.controller, controller=None, fresh=False, keep=True)

    @property
    def tree(self) -> Path:
        """The container's root file system."""
        return self.root / "tree"


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """Take them from the environment; README.rst has their table."""

    def value(name: str, default: str = "") -> str:
        return environment.get(f"VHOST_DEVSTACK_{name}") or default

    controller = Path(value("CONTROLLER")).absolute() if value("CONTROLLER") else None
    suffix = "" if controller is None else "-subnode"
    root = Path(value("ROOT", f"/var/tmp/devstack{suffix}")).absolute()
    lines = value("LINES")
    return Settings(
        root=root,
        mirrors=Path(environment[MIRRORS]).absolute(),
        logs=Path(value("LOGS", str(root / "logs"))).absolute(),
        sample=value("SAMPLE", "alias-only" if controller is None else "subnode"),
        lines=Path(lines).absolute() if lines else None,
        topology=value("TOPOLOGY", "small"),
        commit=value("COMMIT", "HEAD"),
        branch=value("BRANCH", BRANCH),
        projects=(*PROJECTS, *value("PROJECTS").split()),
        tests=value("TESTS", SMOKE),
        fresh=value("FRESH") == "1",
        keep=value("KEEP") == "1",
        controller=controller,
    )
