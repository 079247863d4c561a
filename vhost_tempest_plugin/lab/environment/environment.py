# SPDX-License-Identifier: Apache-2.0
"""A virtual environment with an OpenStack release, and the same files as a disk.

The machine's services run from the directory, and nova-compute in the emulated hosts from the
disk, mounted at the same path.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.errors import CommandError, LocalError
from vhost_tempest_plugin.host.image.builder import Mmdebstrap
from vhost_tempest_plugin.lab.environment import installer
from vhost_tempest_plugin.lab.environment.release import Release
from vhost_tempest_plugin.util import cache, capacity, disk, interpreter, paths, process
from vhost_tempest_plugin.util.die_with_parent import killed_with_parent
from vhost_tempest_plugin.util.progress import Progress, silent

_KIND = "environment"
_WHAT = "OpenStack"
_SOURCES = ("environment.py", "installer.py", "release.py")
_FREE_MIB = 1600
_BLOCK_BYTES = 4096
# mke2fs.conf(5), inode_ratio
_BYTES_PER_INODE = 16384
# For the journal, the tables of inodes and blocks, and directories.
_OVERHEAD_MIB = 64
_TESTS = re.compile(r"^[^=\n]+= *(\w+)\.tests\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Environment:
    """What of the cache a lab runs from; nobody writes to it.

    :param path: the virtual environment; a host has it at the same path
    :param image: a raw ext4 file system whose root directory is that of *path*
    """

    path: Path
    image: Path
    digest: str
    release: Release

    @property
    def packages(self) -> Path:
        """Where its distributions are."""
        (packages,) = self.path.glob("lib/python3*/site-packages")
        return packages


def obtain(release: Release, progress: Progress = silent) -> Environment:
    """The environment of *release*, made where it is not in the cache; that takes minutes.

    :raises LocalError: the machine or the package index lacks something; nothing half made
        is left
    """

    def make(place: Path) -> None:
        disk.require(place, _FREE_MIB, "an environment", "XDG_CACHE_HOME")
        _make(place, release, progress)

    return _at(cache.obtain(_KIND, _digest(release), make, progress, in_place=True), release)


def kept(path: Path, release: Release) -> Environment:
    """The environment whose virtual environment is *path*, current or not.

    :raises LocalError: it is gone from the cache
    """
    found = _at(path.parent, release)
    if not found.image.exists():
        raise LocalError(
            f"the environment {path} is gone from the cache",
            hint="shut the lab down and bring it up again, which makes the environment",
        )
    return found


def trim(packages: Path) -> None:
    """Remove tests of what is in the directory *packages*, but those that entry points name."""
    points = "".join(
        path.read_text(encoding="utf-8") for path in packages.glob("*.dist-info/entry_points.txt")
    )
    named = set(_TESTS.findall(points))
    for tests in sorted(packages.glob("*/tests")):
        if tests.parent.name not in named:
            shutil.rmtree(tests)


def _at(place: Path, release: Release) -> Environment:
    return Environment(
        path=place / "venv",
        image=place / "environment.img",
        digest=place.name,
        release=release,
    )


def _make(place: Path, release: Release, progress: Progress) -> None:
    venv, log = place / "venv", place / "pip.log"
    progress(f"{_WHAT}: making the environment of {release.name} (once)")
    try:
        process.run(killed_with_parent(interpreter.distribution("-m", "venv", venv)))
    except CommandError as error:
        raise LocalError(
            f"{interpreter.DISTRIBUTION} makes no virtual environment: {error.fact}",
            hint="install python3-venv",
        ) from error
    for words in _steps(release):
        installer.install(venv, words, log=log, what=_WHAT, progress=progress)
    for packages in venv.glob("lib/python3*/site-packages"):
        trim(packages)
    progress(f"{_WHAT}: compiling")
    # What is no Python of this version, templates above all, is left as it is.
    compiling = interpreter.isolated(
        venv, "-m", "compileall", "-q", "-j", str(capacity.jobs()), venv / "lib"
    )
    process.run(killed_with_parent(compiling), check=False)
    progress(f"{_WHAT}: making the disk")
    Mmdebstrap().disk(venv, place / "environment.img", size_mib(venv))
    # fakeroot's notes, for an ordinary user
    (place / "owners").unlink(missing_ok=True)


def _steps(release: Release) -> Iterator[list[str | Path]]:
    """What pip is given, one time after the other."""
    options = ("--no-build-isolation", "--use-pep517", "-c", release.constraints)
    if release.tools:
        yield [*options, *release.tools]
    if release.bindings:
        # pip's cache may have what was built for another version of the library.
        yield [*options, "--no-cache-dir", "--no-deps", *release.bindings]
    yield [*options, *release.packages]


def size_mib(tree: Path) -> int:
    """How large a file system for *tree* must be; what it does not fill takes no room."""
    sizes = [path.lstat().st_size for path in tree.rglob("*")]
    content = sum(-(-size // _BLOCK_BYTES) for size in sizes) * _BLOCK_BYTES
    return max(content, len(sizes) * _BYTES_PER_INODE) // 2**20 + _OVERHEAD_MIB


def _digest(release: Release) -> str:
    sources = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in _SOURCES)
    return cache.digest(
        # A virtual environment works at its own path alone.
        str(paths.cache()),
        process.run(interpreter.distribution("-VV")).stdout,
        process.run([process.which("pkg-config"), "--modversion", "libvirt"]).stdout,
        release.constraints.read_text(encoding="utf-8"),
        " ".join((*release.tools, "", *release.bindings, "", *release.packages)),
        *sources,
    )
