# SPDX-License-Identifier: Apache-2.0
"""tempest against a lab, in a workspace of the lab's own."""

import importlib.util
import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from vhost_tempest_plugin.cloud.client import contents
from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.configuration import render, tempest
from vhost_tempest_plugin.cloud.configuration.scenarios import Contents
from vhost_tempest_plugin.errors import InputError, LocalError, VhostCommand
from vhost_tempest_plugin.lab.lab import Lab
from vhost_tempest_plugin.report.results import Run, TestOutcome, report, stream
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.util import (
    atomic_file,
    current_wait,
    interpreter,
    process,
    proxies,
    removal,
    speed,
)
from vhost_tempest_plugin.util.die_with_parent import ended_with_parent
from vhost_tempest_plugin.util.progress import Progress, Pulse

# What tempest writes in the workspace beside its results.
LOG = "tempest.log"
ERRORS = "tempest.err"
OURS = r"^vhost_tempest_plugin\."
SMOKE = r"^vhost_tempest_plugin\..*\[.*\bsmoke\b"
_TEMPEST = interpreter.own("-m", "tempest.cmd.main", "run", "--config-file", "etc/tempest.conf")
_LIST_LIMIT_S = 300.0
_NEWS_S = 60.0
# After how many seconds tempest ends a test (tempest/test.py), for one that waits for ever.
LIMIT_VARIABLE = "OS_TEST_TIMEOUT"
_TEST_LIMIT_S = 1800.0


@dataclass(frozen=True, slots=True)
class Workspace:
    """What tempest needs for a lab.

    :param layouts: the hardware of the lab's hosts by name
    """

    name: str
    directory: Path
    layouts: Mapping[str, Layout]

    @property
    def configuration(self) -> Path:
        """Its tempest.conf."""
        return self.directory / "etc" / "tempest.conf"

    @property
    def records(self) -> Path:
        """Where tests leave what they saw."""
        return self.directory / "records"


def prepare(name: str, *, keep_servers: bool = False) -> Workspace:
    """Write what tempest needs for the lab *name*.

    :param keep_servers: tests that fail leave their servers
    :raises InputError: the lab is not up, or lacks what tests boot
    :raises LocalError: tempest is not installed
    """
    lab = Lab.running(name)
    directory, settings = lab.directory, lab.settings
    with Cloud.open(settings) as cloud:
        image, flavor = cloud.images().get(contents.IMAGE), cloud.flavors().get("vhost.plain")
    if image is None or flavor is None:
        raise InputError(
            f"lab {name!r} lacks its image or flavors",
            hint=f"{VhostCommand('lab', 'reset', name=name)} brings them back",
        )
    found = importlib.util.find_spec("tempest")
    if found is None or found.origin is None:
        raise LocalError("tempest is not installed", hint="run 'make bootstrap'")
    place = Path(found.origin).parent
    workspace = directory.path / "tempest"
    made = Workspace(name, workspace, {host.name: host.layout for host in settings.hosts})
    sections = tempest.options(settings, Contents(image, flavor), directory.topology, made.records)
    if keep_servers:
        kept = {**sections["vhost"], "keep_failed_servers": "true"}
        sections = {**sections, "vhost": kept}
    atomic_file.write(made.configuration, render.text(sections))
    discovery = {
        "DEFAULT": {
            "test_path": str(place / "test_discover"),
            "top_dir": str(place.parent),
            "group_regex": r"([^\.]*\.)*",
        }
    }
    atomic_file.write(workspace / ".stestr.conf", render.text(discovery))
    return made


def listed(workspace: Workspace, words: Sequence[str]) -> tuple[str, ...]:
    """The full names of the tests that *words* choose.

    :raises CommandError: tempest refuses them, or a test cannot be imported
    """
    if not (workspace.directory / ".stestr").is_dir():
        process.run([interpreter.own_program("stestr"), "init"], directory=workspace.directory)
    argv = ended_with_parent([*_TEMPEST, "--list-tests", *words])
    done = process.run(
        argv,
        directory=workspace.directory,
        environment=interpreter.SAFE,
        timeout_s=_LIST_LIMIT_S,
    )
    return tuple(line for line in done.stdout.splitlines() if "." in line and " " not in line)


def run(
    workspace: Workspace, words: Sequence[str], output: Path, progress: Progress
) -> tuple[Run, int]:
    """Run tests; what came of them, and tempest's status.

    Each is reported when it has ended; while it takes long, once a minute with what it waits for.

    :param words: what ``tempest run`` takes
    :param output: where the subunit stream goes
    """
    records = workspace.records
    removal.remove(records)
    output.mkdir(parents=True, exist_ok=True)
    begun_s = time.monotonic()

    def show(outcome: TestOutcome) -> None:
        pulse.end(outcome.name)
        progress(f"{outcome.verdict:8} {outcome.elapsed_s:6.1f} s  {outcome.name}")

    errors = workspace.directory / ERRORS
    # Its workers would go on alone, and change a lab that others use by then.
    argv = ended_with_parent([*_TEMPEST, "--subunit", *words])
    with (
        process.running(
            argv, errors=errors, directory=workspace.directory, environment=variables()
        ) as program,
        closing(Pulse(progress, _NEWS_S, partial(current_wait.read, records))) as pulse,
    ):
        source = cast(BinaryIO, program.stdout)
        outcomes = stream.copied(source, output / report.STREAM, show, pulse.begin)
        status = program.wait()
    title = f"Tests on the lab {workspace.name}"
    return Run(title, report.with_records(outcomes, records), time.monotonic() - begun_s), status


def variables() -> Mapping[str, str]:
    """What tempest has in its environment beside the user's variables.

    A test may take so long only, where the user has not limited it; nothing goes to a proxy; no
    interpreter imports from the current directory.
    """
    limit = {}
    if LIMIT_VARIABLE not in os.environ:
        limit = {LIMIT_VARIABLE: str(math.ceil(_TEST_LIMIT_S * speed.timeout_scale()))}
    return {**interpreter.SAFE, **proxies.sparing_loopback(), **limit}
