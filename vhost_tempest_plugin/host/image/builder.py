# SPDX-License-Identifier: Apache-2.0
"""Makes a root file system from a distribution's packages."""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vhost_tempest_plugin.errors import CommandError, LocalError
from vhost_tempest_plugin.host.image import apt_settings, ext4, user_namespace
from vhost_tempest_plugin.host.image.archives import Archive
from vhost_tempest_plugin.util import disk, process
from vhost_tempest_plugin.util.die_with_parent import asked_to_end

_CUSTOMIZE = (
    # Host keys come with a host's seed; the sources may name a mirror with a password.
    'rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/*'
    f' "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/{apt_settings.FILE}',
    'rm -rf "$1"/var/log/*.log "$1"/var/log/apt',
    # What starts is what the overlay says, and what units want by themselves.
    "for target in multi-user sysinit timers getty; do"
    ' rm -rf "$1/etc/systemd/system/$target.target.wants"; done',
    'rm -f "$1"/etc/libvirt/qemu/networks/autostart/*',
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a root file system is made of.

    :param overlay: a tar archive that is unpacked over the packages' files
    :param settings: lines of apt configuration for the time of the building
    """

    suite: str
    packages: tuple[str, ...]
    archives: tuple[Archive, ...]
    excluded: tuple[str, ...]
    settings: tuple[str, ...]
    overlay: Path


class Builder(Protocol):
    """Makes root file systems; another one may stand in for mmdebstrap."""

    def tree(self, recipe: Recipe, work: Path) -> Path:
        """Make the root file system of *recipe* as a directory in the empty *work*."""
        ...

    def disk(self, tree: Path, disk: Path, size_mib: int) -> None:
        """Make the ext4 file system *disk* with what is in *tree*, root's files being root's."""
        ...


class Mmdebstrap:
    """mmdebstrap and mkfs.ext4; as root directly, else in a user namespace and fakeroot."""

    def __init__(self, *, as_root: bool | None = None) -> None:
        self._as_root = os.geteuid() == 0 if as_root is None else as_root

    def tree(self, recipe: Recipe, work: Path) -> Path:
        """As the protocol says.

        :raises LocalError: this machine cannot build; the message says why
        """
        if not self._as_root:
            _require_user_namespaces()
        sources = work / "sources"
        sources.touch(mode=0o600)
        sources.write_text(
            "\n".join(archive.stanza() for archive in recipe.archives), encoding="utf-8"
        )
        tree = work / "root"
        target = tree if self._as_root else work / "root.tar"
        try:
            # An ordinary user's tree is in a temporary directory first, and programs of it are run.
            environment = {} if self._as_root else {"TMPDIR": str(disk.temporary())}
            argv = [*self._prefix(), *self._arguments(recipe, sources, target)]
            process.run(argv, environment=environment)
            if not self._as_root:
                tree.mkdir()
                self._faked(work, [process.which("tar"), "xf", target, "-C", tree])
                target.unlink()
        except CommandError as error:
            raise LocalError(
                f"the image could not be built from {recipe.suite}'s packages: {error.fact}",
                hint=error.hint,
            ) from error
        return tree

    def disk(self, tree: Path, disk: Path, size_mib: int) -> None:
        """As the protocol says; no loop device, no mount."""
        argv = ext4.making(tree, disk, size_mib)
        if self._as_root:
            process.run(argv)
        else:
            self._faked(tree.parent, argv)

    def _arguments(self, recipe: Recipe, sources: Path, target: Path) -> list[str | Path]:
        return [
            process.which("mmdebstrap"),
            f"--mode={'root' if self._as_root else 'unshare'}",
            f"--format={'directory' if self._as_root else 'tar'}",
            "--variant=apt",
            '--aptopt=APT::Install-Recommends "false"',
            apt_settings.hook(recipe.settings, sources.parent),
            # mmdebstrap writes the sources for everybody to read.
            '--setup-hook=find "$1"/etc/apt/sources.list* -type f -exec chmod 600 {} +',
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in recipe.excluded),
            "--dpkgopt=force-unsafe-io",
            f"--include={','.join(recipe.packages)}",
            *(f"--customize-hook={hook}" for hook in _CUSTOMIZE),
            f"--customize-hook=tar-in {shlex.quote(str(recipe.overlay))} /",
            recipe.suite,
            target,
            sources,
        ]

    def _prefix(self) -> list[str | Path]:
        """Ends the building with this process, and its mounts with the building."""
        following = asked_to_end(())
        namespace: list[str | Path] = [process.which("unshare"), "--mount", "--pid", "--fork"]
        if not self._as_root:
            return following
        if process.run([*namespace, "true"], check=False).returncode != 0:
            return following
        return [*following, *namespace, "--kill-child"]

    def _faked(self, work: Path, argv: Sequence[str | Path]) -> None:
        """Run as an ordinary user who seems to be root, remembering owners in a file."""
        owners = work / "owners"
        owners.touch()
        process.run([process.which("fakeroot"), "-i", owners, "-s", owners, *argv])


def _require_user_namespaces() -> None:
    process.which("newuidmap")
    process.which("fakeroot")
    if refused := user_namespace.refusal():
        raise LocalError(f"the image cannot be built here: {refused.fact}", hint=refused.hint)
