# SPDX-License-Identifier: Apache-2.0
"""The local.conf of a run: one of the project's samples with what this machine needs."""

import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from tests.devstack.repositories import OURS, TOP
from vhost_tempest_plugin.util import atomic_file

SAMPLES = TOP / "devstack/samples"
PASSWORDS = ("ADMIN_PASSWORD", "DATABASE_PASSWORD", "RABBIT_PASSWORD", "SERVICE_PASSWORD")
# What the sample of a second machine calls the two.
CONTROLLER, SUBNODE = "192.0.2.10", "192.0.2.11"
# Later sections of a name go on with the earlier ones.
SECTION = "[[local|localrc]]"
_ENABLE = re.compile(rf"^enable_plugin {OURS} .*$", re.MULTILINE)
_OTHERS = re.compile(r"^(enable_plugin \S+) \S+/(openstack/\S+)$", re.MULTILINE)


def render(sample: str, url: str, base: str, settings: Mapping[str, str], lines: str = "") -> str:
    """The sample with plugins from elsewhere, then settings, then lines, which win.

    :param url: where this plugin's repository is, and the branch in it
    :param base: where OpenStack's repositories are
    :raises AssertionError: the sample does not enable the plugin
    """
    text, count = _ENABLE.subn(f"enable_plugin {OURS} {url}", sample)
    assert count == 1, sample
    text = _OTHERS.sub(rf"\1 {base}/\2.git", text)
    values = "".join(f"{key}={value}\n" for key, value in settings.items())
    return f"{text}\n{SECTION}\n{values}{lines}"


def read_sample(name: str) -> str:
    """A sample's text."""
    return (SAMPLES / f"{name}.conf").read_text()


def at(sample: str, controller: str, own: str) -> str:
    """The sample of a second machine with the addresses of the two.

    :raises AssertionError: the sample has others than ``CONTROLLER`` and ``SUBNODE``
    """
    for known, address in ((CONTROLLER, controller), (SUBNODE, own)):
        assert known in sample, sample
        sample = sample.replace(known, address)
    return sample


def passwords(file: Path) -> dict[str, str]:
    """Those of a file, which is written with new ones where there is none."""
    if not file.exists():
        atomic_file.write(file, "".join(f"{name}={secrets.token_hex(12)}\n" for name in PASSWORDS))
    return dict(line.split("=", 1) for line in file.read_text().splitlines())
