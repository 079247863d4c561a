# SPDX-License-Identifier: Apache-2.0
"""The nested guest's kernel, compiled once from the distribution's linux-source package.

With next to nothing in it, because a distribution's own takes minutes to boot under emulation
inside emulation.
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from vhost_tempest_plugin.errors import CommandError, LocalError
from vhost_tempest_plugin.topology import devices
from vhost_tempest_plugin.util import cache, capacity, process
from vhost_tempest_plugin.util.die_with_parent import asked_to_end
from vhost_tempest_plugin.util.progress import Progress, silent
from vhost_tempest_plugin.util.waiting import seldom, wait_for

SOURCES = Path("/usr/src")

KIND = "guest-kernel"
_CONFIG = "kernel.config"
_VERSION = re.compile(r"linux-source-(\d+(?:\.\d+)*)\.tar\.[a-z0-9]+\Z")
_TOOLS = ("bc", "bison", "flex", "gcc", "make", "strip", "tar", "xz")

# Parts of the source that no file of this kernel is made from; their Kconfig files stay.
_UNUSED = (
    "*/arch/*/boot/dts/*.dts*",
    *(
        f"*/{directory}/*.[chS]"
        for directory in (
            "Documentation",
            "arch/[!x]*",
            "drivers/gpu",
            "drivers/infiniband",
            "drivers/media",
            "drivers/net/wireless",
            "drivers/scsi",
            "drivers/staging",
            "sound",
            "tools/perf",
            "tools/testing",
        )
    ),
)

# So that equal sources give equal kernels.
_IDENTITY = {
    "KBUILD_BUILD_USER": "vhost",
    "KBUILD_BUILD_HOST": "vhost",
    "KBUILD_BUILD_TIMESTAMP": "1970-01-01",
    "LC_ALL": "C",
}

_NEWS_S = 20.0


def build(progress: Progress = silent, sources: Path = SOURCES, *, anew: bool = False) -> Path:
    """The directory with ``kernel`` and ``bzimage``, made where it is not in the cache.

    That takes minutes.

    :param anew: make it even where it is
    :raises LocalError: the machine lacks something; nothing half made is left
    """
    tarball = newest(sources)

    def make(directory: Path) -> None:
        _make(tarball, directory, progress)

    return cache.obtain(KIND, _digest(tarball), make, progress, anew=anew)


def current(sources: Path = SOURCES) -> str:
    """The name of what ``build`` has or would make.

    :raises LocalError: there is no source
    """
    return cache.current(KIND, _digest(newest(sources)))


def newest(sources: Path) -> Path:
    """The archive of the newest kernel source that the distribution has put in *sources*.

    :raises LocalError: there is none
    """
    found: list[tuple[tuple[int, ...], Path]] = []
    for path in sources.glob("linux-source-*.tar.*"):
        if (match := _VERSION.match(path.name)) and path.is_file():
            found.append((tuple(int(part) for part in match[1].split(".")), path))
    if not found:
        raise LocalError(
            f"there is no kernel source in {sources}", hint="install the package linux-source"
        )
    return max(found)[1]


def _digest(tarball: Path) -> str:
    about = tarball.stat()
    return cache.digest(
        f"{tarball.name} {about.st_size} {about.st_mtime_ns}",
        _configuration(),
    )


def _make(tarball: Path, directory: Path, progress: Progress) -> None:
    for tool in _TOOLS:
        process.which(tool)
    work = directory / "work"
    source = work / "linux"
    source.mkdir(parents=True)
    try:
        progress(f"nested guest: unpacking {tarball.name}")
        excluded = [f"--exclude={pattern}" for pattern in _UNUSED]
        _until_death(["tar", "xf", tarball, "-C", source, "--strip-components=1", *excluded])
        config = work / _CONFIG
        config.write_text(_configuration(), encoding="utf-8")
        _until_death(["make", "-s", "-C", source, f"KCONFIG_ALLCONFIG={config}", "allnoconfig"])
        for line in _untaken((source / ".config").read_text(encoding="utf-8")):
            progress(f"nested guest: this kernel has no {line}")
        _compile(source, work / "log", progress)
        process.run(["strip", "-o", directory / "kernel", source / "vmlinux"])
    except CommandError as error:
        raise LocalError(
            f"the nested guest's kernel could not be made from {tarball.name}: {error.fact}",
            hint=error.hint,
        ) from error
    shutil.copyfile(source / "arch/x86/boot/bzImage", directory / "bzimage")
    progress("nested guest: removing the source")
    shutil.rmtree(work)
    progress("nested guest: done")


def _configuration() -> str:
    """The kernel's configuration, with the drivers of all device models."""
    options = {option for model in devices.MODELS.values() for option in model.kernel_options}
    drivers = "".join(f"{option}=y\n" for option in sorted(options))
    return Path(__file__).with_name(_CONFIG).read_text(encoding="utf-8") + drivers


def _untaken(config: str) -> list[str]:
    """The options of the configuration that this version of the kernel does not know."""
    taken = set(config.splitlines())
    options = (line for line in _configuration().splitlines() if line.startswith("CONFIG_"))
    return [option for option in options if option not in taken]


def _compile(source: Path, log: Path, progress: Progress) -> None:
    """Compile, and report how many files are done."""
    argv = asked_to_end(["make", "-C", source, f"-j{capacity.jobs()}", "vmlinux", "bzImage"])
    with process.running(argv, log=log, environment=_IDENTITY) as compiler:

        def news() -> None:
            progress(f"nested guest: compiled {_compiled(log)} files of the kernel")

        status = wait_for(
            compiler.poll, "the compiler", None, watch=seldom(_NEWS_S, news), poll_s=0.2
        )
    if status != 0:
        last = " / ".join(log.read_text(errors="replace", encoding="utf-8").splitlines()[-8:])
        raise CommandError(f"'make' exited with {status}: {last}", status, last)


def _compiled(log: Path) -> int:
    return sum(
        line.startswith("  CC")
        for line in log.read_text(errors="replace", encoding="utf-8").splitlines()
    )


def _until_death(argv: Sequence[str | Path]) -> None:
    """Run a program that ends with this process: no orphan writes into the next build."""
    process.run(asked_to_end(argv), environment=_IDENTITY)
