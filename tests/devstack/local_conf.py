# SPDX-License-Identifier: Apache-2.0
"""The local.conf of a run: one of the project's samples with what this machine needs."""

import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from tests.devstack.repositories import OURS, TOP
from vhost_tempest_plugin.lab import private

SAMPLES = TOP / "devstack/samples"
PASSWORDS = ("ADMIN_PASSWORD", "DATABASE_PASSWORD", "RABBIT_PASSWORD", "SERVICE_PASSWORD")
# Later sections of a name go on with the earlier ones.
SECTION = "[[local|localrc]]"
_ENABLE = re.compile(rf"^enable_plugin {OURS} .*$", re.MULTILINE)


def render(sample: str, url: str, settings: Mapping[str, str], lines: str = "") -> str:
    """The sample with the plugin from elsewhere, then settings, then lines, which win.

    :param url: where the plugin's repository is, and the branch in it
    :raises AssertionError: the sample does not enable the plugin
    """
    text, count = _ENABLE.subn(f"enable_plugin {OURS} {url}", sample)
    assert count == 1, sample
    told = "".join(f"{key}={value}\n" for key, value in settings.items())
    return f"{text}\n{SECTION}\n{told}{lines}"


def read_sample(name: str) -> str:
    """A sample's text."""
    return (SAMPLES / f"{name}.conf").read_text()


def passwords(file: Path) -> dict[str, str]:
    """Those of a file, which is written with new ones where there is none."""
    if not file.exists():
        private.write(file, "".join(f"{name}={secrets.token_hex(12)}\n" for name in PASSWORDS))
    return dict(line.split("=", 1) for line in file.read_text().splitlines())
