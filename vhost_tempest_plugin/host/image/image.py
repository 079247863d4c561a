# SPDX-License-Identifier: Apache-2.0
"""The host's image: kernel, initrd and root disk, made once and shared read-only."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from vhost_tempest_plugin.errors import CommandError, LocalError
from vhost_tempest_plugin.host.image import archives, distribution, initramfs, kernel, overlay
from vhost_tempest_plugin.host.image.builder import Builder, Mmdebstrap, Recipe
from vhost_tempest_plugin.util import cache, disk, process
from vhost_tempest_plugin.util.progress import Progress, silent

# The virtual size of the disk; what is not used takes no room.
DISK_MIB = 16384

# What every boot of the image wants on the kernel's command line beside what the topology
# wants: interfaces named by order of probing, so that eth0 is the management link, and
# nothing printed to the slow console, which is not the default one, but warnings.
PARAMETERS = ("console=ttyS0", "net.ifnames=0", "quiet")

_KIND = "image"

# The image, and while it is made the tree, for an ordinary user also as an archive.
_BUILD_MIB = 3072
_SOURCES = (
    "apt_settings.py",
    "builder.py",
    "ext4.py",
    "image.py",
    "initramfs.py",
    "kernel.py",
    "init.sh",
)


@dataclass(frozen=True, slots=True)
class Image:
    """Files of the cache; nobody writes to them.

    :param kernel: an ELF file, which QEMU boots through PVH
    :param bzimage: the same kernel as EFI firmware needs it
    :param initrd: an uncompressed cpio archive; a seed may be put behind it
    :param disk: a raw ext4 file system, the backing file of each host's overlay
    """

    kernel: Path
    bzimage: Path
    initrd: Path
    disk: Path
    digest: str


def find() -> Image | None:
    """The image, where it has been built; builds nothing.

    :raises LocalError: as in build()
    """
    recipe = _recipe(distribution.here(), Path())
    return kept(cache.current(_KIND, _digest(recipe)))


def kept(digest: str) -> Image | None:
    """The image *digest* where the cache still has it whole, the current one or not."""
    return _image(cache.place(_KIND, digest)) if cache.is_whole(_KIND, digest) else None


def build(
    progress: Progress = silent, builder: Builder | None = None, *, anew: bool = False
) -> Image:
    """The image of this machine's distribution, built where it is not in the cache.

    :param anew: build it even where it is; hosts keep the one that they have
    :raises LocalError: the machine lacks something; nothing half made is left
    """
    recipe = _recipe(distribution.here(), Path())
    using = builder or Mmdebstrap()

    def make(work: Path) -> None:
        disk.require(work, _BUILD_MIB, "building the image", "XDG_CACHE_HOME")
        _make(work, using, progress)

    return _image(cache.obtain(_KIND, _digest(recipe), make, progress, anew=anew))


def create_overlay(image: Image, path: Path) -> None:
    """Create the copy-on-write disk of a host at *path*.

    :raises LocalError: it cannot be created
    """
    options = f"backing_file={_escaped(image.disk)},backing_fmt=raw"
    try:
        process.run([process.which("qemu-img"), "create", "-q", "-f", "qcow2", "-o", options, path])
    except CommandError as error:
        raise LocalError(f"cannot create the disk {path}: {error.fact}", hint=error.hint) from error


def _make(directory: Path, builder: Builder, progress: Progress) -> None:
    work = directory / "work"
    work.mkdir()
    recipe = _recipe(distribution.here(), work / "overlay.tar")
    recipe.overlay.write_bytes(overlay.archive())
    progress(f"image: installing {len(recipe.packages)} packages of {recipe.suite} (once)")
    tree = builder.tree(recipe, work)
    bzimage = _kernel_of(tree)
    release = bzimage.name.removeprefix("vmlinuz-")
    progress(f"image: taking the kernel {release} out")
    shutil.copyfile(bzimage, directory / "bzimage")
    (directory / "kernel").write_bytes(kernel.extract(bzimage.read_bytes(), work))
    (directory / "initrd").write_bytes(initramfs.make(tree, release, work))
    progress("image: making the root disk")
    builder.disk(tree, directory / "disk.raw", DISK_MIB)
    shutil.rmtree(work)
    progress("image: done")


def _kernel_of(tree: Path) -> Path:
    kernels = sorted((tree / "boot").glob("vmlinuz-*"))
    if len(kernels) != 1:
        raise LocalError(
            f"the image has {len(kernels)} kernels where one is wanted",
            hint="report the distribution",
        )
    return kernels[0]


def _recipe(system: distribution.ImageSource, overlay_path: Path) -> Recipe:
    return Recipe(
        suite=system.codename,
        packages=system.packages,
        archives=archives.own(system),
        excluded=distribution.EXCLUDED,
        settings=archives.settings(),
        overlay=overlay_path,
    )


def _digest(recipe: Recipe) -> str:
    sources = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in _SOURCES)
    return cache.digest(
        recipe.suite,
        " ".join(recipe.packages),
        " ".join(recipe.excluded),
        *(archive.stanza() for archive in recipe.archives),
        *recipe.settings,
        overlay.archive(),
        *sources,
    )


def _image(place: Path) -> Image:
    return Image(
        kernel=place / "kernel",
        bzimage=place / "bzimage",
        initrd=place / "initrd",
        disk=place / "disk.raw",
        digest=place.name,
    )


def _escaped(path: Path) -> str:
    """A file name within QEMU's comma-separated options."""
    return str(path).replace(",", ",,")
