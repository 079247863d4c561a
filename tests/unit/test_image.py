# SPDX-License-Identifier: Apache-2.0
import bz2
import gzip
import io
import lzma
import os
import shutil
import struct
import subprocess
import tarfile
import tempfile
import unittest
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path, PurePosixPath
from unittest import mock

from tests.unit.test_cpio import unpack
from tests.unit.test_domain import UPLINK
from vhost_tempest_plugin.errors import CommandError, LocalError
from vhost_tempest_plugin.host import image
from vhost_tempest_plugin.host.distribution import Distribution
from vhost_tempest_plugin.host.image import archives, distribution, kernel, overlay
from vhost_tempest_plugin.host.image.builder import Mmdebstrap, Recipe
from vhost_tempest_plugin.topology import memory
from vhost_tempest_plugin.util import disk

ELF = b"\x7fELF" + bytes(range(256)) * 40
DEBIAN = Distribution("debian", "bookworm")
SOURCES = """\
# a comment alone

Types: deb
# another
URIs: http://one.example/debian
Suites: bookworm bookworm-updates
Signed-By: /usr/share/keyrings/one.gpg

Types: deb
URIs: http://two.example/debian
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----
Suites: bookworm
"""
SEED = image.Seed("h1", "ssh-ed25519 AAAA me", "PRIVATE", "ssh-ed25519 BBBB", "name: h1\n")


def bzimage(payload: bytes) -> bytes:
    """A file with the few fields of a bzImage's header that matter."""
    head = bytearray(1024)
    head[0x1F1] = 1
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", head, 0x248, 16, len(payload))
    return bytes(head) + bytes(16) + payload + bytes(100)


class DistributionTest(unittest.TestCase):
    def test_packages_by_distribution(self) -> None:
        ubuntu = Distribution("ubuntu", "noble", frozenset({"debian"}))
        self.assertIn("linux-image-amd64", distribution.of(DEBIAN).packages)
        self.assertEqual("noble", distribution.of(ubuntu).codename)
        self.assertIn("linux-image-virtual", distribution.of(ubuntu).packages)

    def test_an_unknown_one_is_refused(self) -> None:
        for system in (Distribution(), Distribution("fedora", "x"), Distribution("debian")):
            with self.subTest(system), self.assertRaisesRegex(LocalError, "debian, ubuntu"):
                distribution.of(system)


class ArchivesTest(unittest.TestCase):
    def test_keys_of_stanzas(self) -> None:
        self.assertEqual("/usr/share/keyrings/one.gpg", archives.signed_by(SOURCES, 1, deb822=True))
        key = archives.signed_by(SOURCES, 2, deb822=True)
        self.assertTrue(key.startswith("-----BEGIN"))
        self.assertTrue(key.endswith("BLOCK-----"))
        self.assertEqual("", archives.signed_by(SOURCES, 3, deb822=True))

    def test_keys_of_lines(self) -> None:
        text = "deb http://a s c\ndeb [arch=amd64 signed-by=/k.gpg] http://b s c\n"
        self.assertEqual("", archives.signed_by(text, 1, deb822=False))
        self.assertEqual("/k.gpg", archives.signed_by(text, 2, deb822=False))

    def targets(self, *origins: str) -> subprocess.CompletedProcess[str]:
        lines = [f"{origin}|http://h/d/|bookworm|main|/nowhere:1\n" for origin in origins]
        return subprocess.CompletedProcess([], 0, "".join(lines), "")

    def test_no_third_party(self) -> None:
        system = distribution.of(DEBIAN)
        with (
            mock.patch.object(archives.process, "run", return_value=self.targets("Debian", "X")),
            mock.patch.object(archives.process, "which", return_value=Path("apt-get")),
        ):
            found = archives.own(system)
        self.assertEqual((archives.Archive("http://h/d/", "bookworm", ("main",)),), found)

    def test_no_package_list(self) -> None:
        with (
            mock.patch.object(archives.process, "run", return_value=self.targets("X")),
            mock.patch.object(archives.process, "which", return_value=Path("apt-get")),
            self.assertRaisesRegex(LocalError, "run 'apt-get update'"),
        ):
            archives.own(distribution.of(DEBIAN))


class KernelTest(unittest.TestCase):
    def setUp(self) -> None:
        self.work = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_every_packing(self) -> None:
        size = struct.pack("<I", len(ELF))
        packed = {
            "none": ELF,
            "gzip": gzip.compress(ELF),
            "xz": lzma.compress(ELF) + size,
            "bzip2": bz2.compress(ELF),
            "lzma": lzma.compress(ELF, lzma.FORMAT_ALONE),
        }
        if shutil.which("zstd"):
            done = subprocess.run(["zstd", "-c"], input=ELF, capture_output=True, check=True)
            packed["zstd"] = done.stdout + size
        for name, payload in packed.items():
            with self.subTest(packing=name):
                self.assertEqual(ELF, kernel.extract(bzimage(payload), self.work))

    def test_no_kernel(self) -> None:
        for data in (bytes(2000), bzimage(b"nothing"), bzimage(gzip.compress(ELF)[:40])):
            with self.subTest(), self.assertRaises(LocalError):
                kernel.extract(data, self.work)

    def test_modules_in_order(self) -> None:
        (self.work / "modules.dep").write_text(
            "k/a.ko.xz: k/b-c.ko.xz k/d.ko.xz\nk/b-c.ko.xz: k/d.ko.xz\nk/d.ko.xz:\nk/e.ko:\n"
        )
        found = kernel.modules(self.work, ("b_c", "a", "built_in"))
        self.assertEqual(["d.ko.xz", "b-c.ko.xz", "a.ko.xz"], [path.name for path in found])


class OverlayTest(unittest.TestCase):
    def setUp(self) -> None:
        with tarfile.open(fileobj=io.BytesIO(overlay.archive())) as tar:
            self.members = {member.name: member for member in tar.getmembers()}

    def test_same_every_time_and_root_s(self) -> None:
        self.assertEqual(overlay.archive(), overlay.archive())
        self.assertEqual({0}, {member.uid for member in self.members.values()})

    def test_huge_pages_of_each_size_are_mounted(self) -> None:
        """libvirt gives guests none else; systemd mounts those of the kernel's default size."""
        (default, *others) = memory.SIZES_KIB
        lines = (Path(overlay.__file__).parent / "overlay/etc/fstab").read_text().splitlines()
        mounted = [line for line in lines if line.startswith("hugetlbfs ")]
        self.assertEqual((2048, [1048576]), (default, others))
        self.assertEqual(1, len(mounted))
        self.assertIn("pagesize=1G,nofail", mounted[0])

    def test_our_units_start(self) -> None:
        links = {name: member.linkname for name, member in self.members.items() if member.issym()}
        for unit in ("vhost-devices.service", "vhost-devices-early.service"):
            wanted = [target for name, target in links.items() if name.endswith(f"wants/{unit}")]
            self.assertEqual([f"/etc/systemd/system/{unit}"], wanted)
            self.assertIn(wanted[0].lstrip("/"), self.members)

    def test_scripts_are_sound(self) -> None:
        for name in ("overlay/usr/lib/vhost/devices", "init.sh"):
            with self.subTest(script=name):
                subprocess.run(["sh", "-n", Path(overlay.__file__).parent / name], check=True)


class SeedTest(unittest.TestCase):
    def test_is_behind_the_initrd_and_private(self) -> None:
        directory = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (directory / "initrd").write_bytes(b"INITRD--")
        path = directory / "seeded"
        image.write(directory / "initrd", SEED, path)
        data = path.read_bytes()
        self.assertEqual(b"INITRD--", data[:8])
        files = unpack(data[8:])
        self.assertEqual((0o100600, b"PRIVATE\n"), files["vhost/ssh_host_ed25519_key"])
        self.assertEqual(b"h1\n", files["vhost/hostname"][1])
        self.assertIn(b"127.0.1.1 h1\n", files["vhost/hosts"][1])
        self.assertEqual(33, len(files["vhost/machine-id"][1]))
        self.assertEqual(0o600, path.stat().st_mode & 0o777)

    def test_shares_are_lines_of_words(self) -> None:
        self.assertEqual(b"", unpack(SEED.archive())["vhost/shares"][1])
        places = (("vhost-share-1", PurePosixPath("/opt/a")), ("s2", PurePosixPath("/opt/b")))
        files = unpack(replace(SEED, shares=places).archive())
        self.assertEqual(b"vhost-share-1 /opt/a\ns2 /opt/b\n", files["vhost/shares"][1])

    def test_only_with_the_internet_a_host_has_a_gateway_and_a_name_server(self) -> None:
        for internet, lines in (
            (False, [b"", b""]),
            (True, [b"10.0.2.2\n", b"nameserver 10.0.2.3\n"]),
        ):
            with self.subTest(internet=internet):
                files = unpack(replace(SEED, internet=internet).archive())
                self.assertEqual(
                    lines, [files[f"vhost/{name}"][1] for name in ("gateway", "resolv.conf")]
                )

    def test_an_uplink_is_a_nic_and_an_address(self) -> None:
        self.assertEqual(b"", unpack(SEED.archive())["vhost/uplink"][1])
        machine = (IPv4Address("192.0.2.2"), IPv4Address("198.51.100.1"))
        files = unpack(replace(SEED, uplink=UPLINK, machine=machine).archive())
        line = f"{UPLINK.mac} 192.168.128.3/24 192.168.128.1 192.0.2.2 198.51.100.1\n"
        self.assertEqual(line.encode(), files["vhost/uplink"][1])

    def test_hosts_differ(self) -> None:
        other = replace(SEED, host_key_public="ssh-ed25519 CCCC")
        self.assertNotEqual(
            unpack(SEED.archive())["vhost/machine-id"], unpack(other.archive())["vhost/machine-id"]
        )


class FakeBuilder:
    """Makes a tree like a distribution's, with a few files."""

    def __init__(self, kernels: int = 1) -> None:
        self.kernels = kernels
        self.recipes: list[Recipe] = []

    def tree(self, recipe: Recipe, work: Path) -> Path:
        self.recipes.append(recipe)
        tree = work / "root"
        for directory in ("boot", "usr/bin", "lib/modules/6.1.0-1"):
            (tree / directory).mkdir(parents=True)
        for number in range(1, self.kernels + 1):
            (tree / f"boot/vmlinuz-6.1.0-{number}").write_bytes(bzimage(gzip.compress(ELF)))
        (tree / "usr/bin/busybox").write_bytes(b"BUSYBOX")
        (tree / "lib/modules/6.1.0-1/ext4.ko").write_bytes(b"EXT4")
        (tree / "lib/modules/6.1.0-1/modules.dep").write_text("ext4.ko:\n")
        return tree

    def disk(self, tree: Path, disk: Path, size_mib: int) -> None:
        disk.write_text(f"{size_mib} MiB of {tree.name}")


class BuildTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = self.enterContext(tempfile.TemporaryDirectory())
        self.cache = Path(directory) / "vhost" / "image"
        self.enterContext(mock.patch.dict(os.environ, {"XDG_CACHE_HOME": directory}))
        system = distribution.of(DEBIAN)
        own = (archives.Archive("http://h/d/", "bookworm", ("main",)),)
        module = "vhost_tempest_plugin.host.image.image"
        self.enterContext(mock.patch(f"{module}.distribution.here", return_value=system))
        self.own = self.enterContext(mock.patch(f"{module}.archives.own", return_value=own))
        self.enterContext(mock.patch(f"{module}.archives.settings", return_value=()))

    def test_too_small_a_disk_is_refused_before_anything_happens(self) -> None:
        builder = FakeBuilder()
        with (
            mock.patch.object(disk.shutil, "disk_usage", return_value=mock.Mock(free=3071 << 20)),
            self.assertRaisesRegex(
                LocalError, "building the image takes 3072 MiB, and .*XDG_CACHE"
            ),
        ):
            image.build(builder=builder)
        self.assertEqual([], builder.recipes)
        self.assertEqual(["lock"], [path.name for path in self.cache.iterdir()])

    def test_built_once(self) -> None:
        builder = FakeBuilder()
        made = image.build(builder=builder)
        self.assertEqual(made, image.build(builder=builder))
        self.assertEqual(made, image.find())
        self.assertEqual(made, image.kept(made.digest))
        self.assertEqual(1, len(builder.recipes))
        self.assertEqual(ELF, made.kernel.read_bytes())
        files = unpack(made.initrd.read_bytes())
        self.assertEqual(b"ext4.ko\n", files["modules/order"][1])
        self.assertEqual((0o100755, b"BUSYBOX"), files["bin/busybox"])
        self.assertEqual(
            {"kernel", "bzimage", "initrd", "disk.raw", "contents.json"},
            {path.name for path in made.disk.parent.iterdir()},
        )

    def test_a_damaged_one_is_built_again(self) -> None:
        first = image.build(builder=FakeBuilder())
        with first.disk.open("r+b") as disk:
            disk.truncate(3)
        self.assertIsNone(image.find())
        self.assertIsNone(image.kept(first.digest))
        again = image.build(builder=FakeBuilder())
        self.assertNotEqual(first.digest, again.digest)
        self.assertEqual(again, image.find())

    def test_rebuilt_on_demand_beside_the_one_that_hosts_have(self) -> None:
        first = image.build(builder=FakeBuilder())
        again = image.build(builder=FakeBuilder(), anew=True)
        self.assertNotEqual(first.digest, again.digest)
        self.assertEqual(first, image.kept(first.digest))
        self.assertEqual(again, image.build(builder=FakeBuilder()))

    def test_another_mirror_is_another_image(self) -> None:
        first = image.build(builder=FakeBuilder())
        self.own.return_value = (archives.Archive("http://i/d/", "bookworm", ("main",)),)
        self.assertIsNone(image.find())
        self.assertNotEqual(first.digest, image.build(builder=FakeBuilder()).digest)

    def test_a_tree_without_one_kernel_is_refused(self) -> None:
        for kernels in (0, 2):
            with self.subTest(kernels=kernels), self.assertRaisesRegex(LocalError, "kernels"):
                image.build(builder=FakeBuilder(kernels))
            self.assertEqual(["lock"], [path.name for path in self.cache.iterdir()])


class BuilderTest(unittest.TestCase):
    def test_without_namespaces_it_is_refused(self) -> None:
        recipe = Recipe("s", (), (), (), (), Path("overlay.tar"))
        failed = subprocess.CompletedProcess([], 1, "", "Operation not permitted")
        module = "vhost_tempest_plugin.host.image.builder.process"
        with (
            tempfile.TemporaryDirectory() as work,
            mock.patch(f"{module}.run", return_value=failed),
            self.assertRaisesRegex(LocalError, "the image cannot be built here"),
        ):
            Mmdebstrap(as_root=False).tree(recipe, Path(work))

    def test_the_machine_s_passwords_are_on_no_command_line(self) -> None:
        proxy = 'Acquire::http::Proxy "http://alice:s3cret@proxy:3128";'
        archive = archives.Archive("http://bob:s3cret@mirror/d/", "s", ("main",))
        recipe = Recipe("s", (), (archive,), (), (proxy,), Path("overlay.tar"))
        module = "vhost_tempest_plugin.host.image.builder"
        done = subprocess.CompletedProcess([], 0, "", "")
        for as_root in (True, False):
            with (
                self.subTest(as_root=as_root),
                tempfile.TemporaryDirectory() as work,
                mock.patch(f"{module}.process.which", side_effect=Path),
                mock.patch(f"{module}.process.run", return_value=done) as run,
                mock.patch.object(Path, "unlink"),
            ):
                Mmdebstrap(as_root=as_root).tree(recipe, Path(work))
                words = [str(word) for call in run.call_args_list for word in call.args[0]]
                self.assertEqual([], [word for word in words if "s3cret" in word])
                settings = Path(work, "apt-settings.tar")
                self.assertIn(f"--setup-hook=tar-in {settings} /", words)
                self.assertEqual(0o600, settings.stat().st_mode & 0o777)
                with tarfile.open(settings) as tar:
                    (member,) = tar.getmembers()
                    content = tar.extractfile(member)
                    assert content is not None
                    self.assertEqual(f"{proxy}\n", content.read().decode())
                self.assertEqual(0o600, member.mode)

    def test_no_setting_of_apt_becomes_an_argument(self) -> None:
        package = Path(image.__file__).parents[2]
        for path in package.rglob("*.py"):
            for line in path.read_text().splitlines():
                self.assertNotRegex(line, r"""\bf['"]--aptopt=""", path.name)

    def test_a_failure_is_the_machine_s(self) -> None:
        recipe = Recipe("s", (), (), (), (), Path("overlay.tar"))
        module = "vhost_tempest_plugin.host.image.builder.process"
        with (
            tempfile.TemporaryDirectory() as work,
            mock.patch(f"{module}.which", side_effect=Path),
            mock.patch(f"{module}.run", side_effect=CommandError("E: no", 1)),
            self.assertRaisesRegex(LocalError, "could not be built from s's packages: E: no"),
        ):
            Mmdebstrap(as_root=True).tree(recipe, Path(work))

    def test_an_ordinary_user_s_tree_is_where_programs_may_be_run(self) -> None:
        recipe = Recipe("s", (), (), (), (), Path("overlay.tar"))
        module = "vhost_tempest_plugin.host.image.builder"
        built = []

        def run(argv: list[str | Path], **options: object) -> subprocess.CompletedProcess[str]:
            if "mmdebstrap" in map(str, argv) and "--unshare-helper" not in argv:
                built.append(options.get("environment"))
            return subprocess.CompletedProcess([], 0, "", "")

        with (
            tempfile.TemporaryDirectory() as work,
            mock.patch(f"{module}.process.which", side_effect=Path),
            mock.patch(f"{module}.process.run", side_effect=run),
            mock.patch.object(disk.tempfile, "gettempdir", return_value="/proc"),
            mock.patch.object(disk, "may_run_programs", side_effect=Path("/proc").__ne__),
        ):
            (Path(work) / "root.tar").touch()
            Mmdebstrap(as_root=False).tree(recipe, Path(work))
        self.assertEqual([{"TMPDIR": "/var/tmp"}], built)
