# SPDX-License-Identifier: Apache-2.0
"""Where state, caches and what is gone with the next boot are kept."""

import os
from pathlib import Path


def state() -> Path:
    """``$XDG_STATE_HOME/vhost``: hosts, one directory each."""
    return _base("XDG_STATE_HOME", ".local/state")


def cache() -> Path:
    """``$XDG_CACHE_HOME/vhost``: images, kernels and probes, keyed by what made them."""
    return _base("XDG_CACHE_HOME", ".cache")


def networks() -> Path:
    """``/run/vhost/networks``, or below ``$VHOST_RUN_DIR``: the machine's networks for hosts.

    They are root's and do not outlive the machine's boot, and their records must not either.
    """
    configured = os.environ.get("VHOST_RUN_DIR", "")
    base = Path(configured) if configured.startswith("/") else Path("/run/vhost")
    return base / "networks"


def _base(variable: str, default: str) -> Path:
    configured = os.environ.get(variable, "")
    base = Path(configured) if configured.startswith("/") else Path.home() / default
    return base / "vhost"
