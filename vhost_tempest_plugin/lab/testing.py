# SPDX-License-Identifier: Apache-2.0
"""tempest against a lab, in a workspace of the lab's own."""

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

from vhost_tempest_plugin import process
from vhost_tempest_plugin.configuration import render, tempest
from vhost_tempest_plugin.configuration.scenarios import Contents
from vhost_tempest_plugin.errors import InputError, MachineError
from vhost_tempest_plugin.lab import contents, labs, private
from vhost_tempest_plugin.lab.cloud import Cloud

# Where tests leave what they saw, in the workspace.
RECORDS = "records"
OURS = r"^vhost_tempest_plugin\."


def prepare(name: str) -> Path:
    """Write what tempest needs for the lab *name*; its workspace.

    :raises InputError: the lab is not up, or lacks what tests boot
    :raises MachineError: tempest is not installed
    """
    directory, _ = labs.running(name)
    settings = labs.settings(name)
    with Cloud.open(settings) as cloud:
        image, flavor = cloud.images().get(contents.IMAGE), cloud.flavors().get("vhost.plain")
    if image is None or flavor is None:
        raise InputError(
            f"lab {name!r} lacks its image or flavors; 'vhost lab reset' brings them back"
        )
    found = importlib.util.find_spec("tempest")
    if found is None or found.origin is None:
        raise MachineError("tempest is not installed; run 'make bootstrap'")
    place = Path(found.origin).parent
    workspace = directory.path / "tempest"
    sections = tempest.options(
        settings, Contents(image, flavor), directory.topology, workspace / RECORDS
    )
    private.write(workspace / "etc" / "tempest.conf", render.text(sections))
    discovery = {
        "DEFAULT": {
            "test_path": str(place / "test_discover"),
            "top_dir": str(place.parent),
            "group_regex": r"([^\.]*\.)*",
        }
    }
    private.write(workspace / ".stestr.conf", render.text(discovery))
    return workspace


def run(workspace: Path, words: Sequence[str]) -> None:
    """Become ``tempest run`` in *workspace*; does not return."""
    tempest_run = (sys.executable, "-m", "tempest.cmd.main", "run")
    process.replace(
        [*tempest_run, "--config-file", "etc/tempest.conf", *words], directory=workspace
    )
