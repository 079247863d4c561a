# SPDX-License-Identifier: Apache-2.0
"""Load a tenant's configuration with Zuul's own loader and print what it made of it.

    load.py TENANT_FILE SOURCE...

A SOURCE is ``PROJECT=PATH``: the directory that has the project's ``zuul.d``, or a file that
stands for it.  Projects of the tenant without a source have no configuration.

What is Zuul's: the parsers, the tenant's layout with all its checks of references, the way
variants are put together.  What is ours stands in for servers: where files come from (Zuul's
merger), ZooKeeper's clock and cache, the keys of projects.  It is run by an environment that
has Zuul and nothing of this project.
"""

import configparser
import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import zuul.driver.bubblewrap
import zuul.driver.git.gitconnection
from zuul import model
from zuul.configloader import ConfigLoader
from zuul.lib.ansible import AnsibleManager
from zuul.lib.connections import ConnectionRegistry

CONNECTION = "opendev"
TENANT = "openstack"
BRANCHES = ("master", "stable/2026.1", "stable/2026.2")

# What a job is by and large, by the names of the configuration.
SIMPLE = (
    *("parent", "abstract", "voting", "timeout", "description", "override_checkout", "final"),
    *("variables", "group_variables"),
)


class Files:
    """Stands in for the merger: the files of one project's branch."""

    updated = True

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files
        self.extra_config_files: set[str] = set()
        self.extra_config_dirs: set[str] = set()

    def wait(self, timeout_s: float) -> bool:
        return True


class Merger:
    """Stands in for the merger."""

    git_timeout = 60

    def __init__(self, sources: Mapping[str, Path]) -> None:
        self._sources = sources

    def getFiles(  # noqa: N802 - Zuul's name
        self, connection: str, project: str, branch: str, **wanted: object
    ) -> Files:
        source = self._sources.get(project)
        if source is None or branch != BRANCHES[0]:
            return Files({})
        if source.is_file():
            return Files({"zuul.d/jobs.yaml": source.read_text()})
        paths = sorted((source / "zuul.d").glob("*.yaml")) or [source / ".zuul.yaml"]
        return Files({str(path.relative_to(source)): path.read_text() for path in paths})


class Cache(dict[str, str]):
    """Stands in for what ZooKeeper keeps of a project's files."""

    ltime = -1

    def getFilesCache(self, project: str, branch: str) -> "Cache":  # noqa: N802
        return Cache()

    @contextlib.contextmanager
    def writeLock(self, project: str) -> Iterator[None]:  # noqa: N802
        yield

    def setValidFor(self, *facts: object) -> None:  # noqa: N802
        """Nobody asks again."""


class Clock:
    """Stands in for ZooKeeper."""

    client = None

    def getCurrentLtime(self) -> int:  # noqa: N802
        return 1


class Keys:
    """Stands in for the keys of projects; nothing here is encrypted."""

    def __getattr__(self, name: str) -> Any:
        return lambda *names: ("", "")


def branches(connection: object, project: str) -> dict[str, str]:
    """Stands in for ``git ls-remote``; as projects with and without stable branches."""
    names = BRANCHES[:1] if project.endswith(("-plugin", "-jobs", "-config")) else BRANCHES
    return {f"refs/heads/{name}": "0" * 40 for name in names}


def load(tenant_file: str, sources: Mapping[str, Path]) -> model.Tenant:
    """The tenant, with the errors of loading it in its layout."""
    zuul.driver.git.gitconnection.GitConnection.lsRemote = branches
    # No job is run, so the program is not needed that they would be run in.
    zuul.driver.bubblewrap.BubblewrapDriver._parse_bwrap_version = lambda driver: (0, 0, 0)
    settings = configparser.ConfigParser()
    settings.read_string(
        f"[connection {CONNECTION}]\ndriver=git\nbaseurl=file:///nowhere\ncanonical_hostname=opendev.org\n"
    )
    connections = ConnectionRegistry()
    connections.configure(settings, sources=True, triggers=True, reporters=True)
    system = model.SystemAttributes.fromConfig(settings)
    loader = ConfigLoader(
        *(connections, system, Clock(), system, Cache()),
        merger=Merger(sources),
        keystorage=Keys(),
    )
    abide, unparsed = model.Abide(), loader.readConfig(tenant_file)
    loader.loadTPCs(abide, unparsed)
    found = loader.loadTenant(abide, TENANT, AnsibleManager(), unparsed, ignore_cat_exception=False)
    assert isinstance(found, model.Tenant)
    return found


def told(tenant: model.Tenant) -> dict[str, Any]:
    """All of the layout that the tests ask about."""
    layout = tenant.layout
    return {
        "errors": [
            {"severity": error.severity, "text": error.error} for error in layout.loading_errors
        ],
        "jobs": {
            name: [_job(variant) for variant in variants] for name, variants in layout.jobs.items()
        },
        "nodesets": {name: _nodeset(each) for name, each in layout.nodesets.items()},
        "projects": {
            name: [_project(config) for config in configs]
            for name, configs in layout.project_configs.items()
        },
        "templates": {
            name: [_pipelines(config) for config in configs]
            for name, configs in layout.project_templates.items()
        },
        "queues": sorted(layout.queues),
    }


def _job(job: model.Job) -> dict[str, Any]:
    facts = {name: _plain(getattr(job, name)) for name in SIMPLE}
    return facts | {
        "source": str(job.source_context),
        "nodeset": job.nodeset if isinstance(job.nodeset, str) else job.nodeset.name,
        "projects": sorted(job.required_projects),
        "playbooks": [book.path for book in (*job.pre_run, *job.run, *job.post_run)],
    }


def _nodeset(nodeset: model.NodeSet) -> dict[str, Any]:
    return {
        "alternatives": [each if isinstance(each, str) else None for each in nodeset.alternatives],
        "labels": [node.label for node in nodeset.getNodes()],
        "groups": {group.name: list(group.nodes) for group in nodeset.getGroups()},
        "nodes": [node.name for node in nodeset.getNodes()],
    }


def _project(config: model.ProjectConfig) -> dict[str, Any]:
    return {
        "templates": list(config.templates),
        "queue": config.queue_name,
        "pipelines": _pipelines(config),
    }


def _pipelines(config: model.ProjectConfig) -> dict[str, dict[str, bool]]:
    return {
        name: {
            job: all(variant.voting is not False for variant in variants)
            for job, variants in pipeline.job_list.jobs.items()
        }
        for name, pipeline in config.pipelines.items()
    }


def _plain(value: Any) -> Any:
    """Zuul's frozen mappings as those that JSON has."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | None) else None


def main(tenant_file: str, *sources: str) -> None:
    """Print the tenant as JSON."""
    pairs = (source.split("=", 1) for source in sources)
    tenant = load(tenant_file, {project: Path(path) for project, path in pairs})
    json.dump(told(tenant), sys.stdout, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
