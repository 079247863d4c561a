# SPDX-License-Identifier: Apache-2.0
"""Somebody who is not root, with a home and a cache of his own."""

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e import emulated
from vhost_tempest_plugin.host import image

USER = "nobody"


@dataclass(frozen=True)
class Ordinary:
    """A user.

    :param prefix: the words that make a command his
    :param environment: what his commands have besides
    """

    home: Path
    prefix: tuple[str, ...]
    environment: Mapping[str, str]


@contextlib.contextmanager
def user(*files: tuple[str, str]) -> Iterator[Ordinary]:
    """Where the tests run as root, somebody else, else who runs them.

    The image is a copy of root's, to save the time of building it.

    :param files: names and texts of what he has at home
    """
    made = _image()
    with tempfile.TemporaryDirectory(prefix="vhost-user-") as directory:
        home = Path(directory)
        for name, text in files:
            (home / name).write_text(text)
        kept = home / "cache" / "vhost" / "image" / made.digest
        kept.parent.mkdir(parents=True)
        argv = ["cp", "-r", "--sparse=always", "--reflink=auto", made.disk.parent, kept]
        subprocess.run(argv, check=True)
        environment = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
        prefix: tuple[str, ...] = ()
        if os.geteuid() == 0:
            prefix = _as_user()
            uid = pwd.getpwnam(USER).pw_uid
            for place, _, names in os.walk(home):
                for path in (Path(place), *(Path(place) / name for name in names)):
                    os.chown(path, uid, -1)
        yield Ordinary(home, prefix, environment)


def _image() -> image.Image:
    """What the command has built, root's as its account."""
    subprocess.run([emulated.VHOST, "image", "build"], check=True)
    with emulated.read_as_account():
        return image.build()


def _as_user() -> tuple[str, ...]:
    """The words that make a command the user's.

    Where the checkout lies in a directory of root's own, he may read what he could not.
    """
    base = (
        *(shutil.which("setpriv") or "setpriv", f"--reuid={USER}", "--clear-groups"),
        f"--regid={pwd.getpwnam(USER).pw_gid}",
    )
    if subprocess.run([*base, "test", "-r", sys.executable], check=False).returncode == 0:
        return base
    return (*base, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
