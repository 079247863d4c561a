# SPDX-License-Identifier: Apache-2.0
"""Where state, caches and what is gone with the next boot are kept."""

import os
from pathlib import Path

from vhost_tempest_plugin.errors import InputError

# A host's disk names the image below it, in the cache, in at most 1023 bytes (QEMU,
# docs/interop/qcow2.rst, backing_file_size).
_MOST_BYTES = 900


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
    return _accepted(base / "vhost", variable)


def _accepted(place: Path, variable: str) -> Path:
    """*place*, unless no message, record or program's option can have its name.

    :raises InputError: it is such
    """
    name = str(place)
    if not name.isprintable():
        fact = f"{name!r} has characters that cannot be printed"
    elif len(os.fsencode(place)) > _MOST_BYTES:
        fact = (
            f"'{name[:40]}...' has {len(os.fsencode(place))} bytes, and {_MOST_BYTES} are the most"
        )
    else:
        return place
    raise InputError(fact, hint=f"set {variable} to another directory")
