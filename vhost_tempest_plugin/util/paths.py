# SPDX-License-Identifier: Apache-2.0
"""Where state, caches and what is gone with the next boot are kept."""

import os
from pathlib import Path

from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.util import trust

# A host's disk names the image below it, in the cache, in at most 1023 bytes (QEMU,
# docs/interop/qcow2.rst, backing_file_size).
_MOST_BYTES = 900


def state() -> Path:
    """``$XDG_STATE_HOME/vhost``: hosts, one directory each.

    :raises LocalError: other users can write it
    """
    return _base("XDG_STATE_HOME", ".local/state")


def cache() -> Path:
    """``$XDG_CACHE_HOME/vhost``: images, kernels and probes, keyed by what made them.

    :raises LocalError: other users can write it
    """
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
    found = _accepted(base / "vhost", variable)
    trust.require(
        found,
        f"if you trust what is in it, run 'chown' or 'chmod go-w' there; or set {variable} to a "
        "directory of your own",
    )
    return found


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
