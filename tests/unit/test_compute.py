# SPDX-License-Identifier: Apache-2.0
"""nova-compute's files in a host, which here is a directory of this machine."""

import hashlib
import os
import shlex
import shutil
import tempfile
import unittest
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import cast

from vhost_tempest_plugin.cloud.compute import copies
from vhost_tempest_plugin.cloud.compute.copies import Copy, Tree
from vhost_tempest_plugin.cloud.compute.unit import BINDING, PRELOADER, Unit
from vhost_tempest_plugin.cloud.configuration.in_host import PRELOAD, PRELOAD_SOCKET
from vhost_tempest_plugin.errors import InputError
from vhost_tempest_plugin.host.ssh import HostConnection
from vhost_tempest_plugin.lab.hosts import nova_compute as lab_compute
from vhost_tempest_plugin.util import process


class HereConnection:
    """A connection to this machine; what was sent is counted."""

    def __init__(self) -> None:
        self.sent = 0

    def run(
        self,
        argv: Sequence[str],
        *,
        input_text: str | None = None,
        timeout_s: float | None = None,
        check: bool = True,
    ) -> process.Completed:
        return process.run(argv, input_text=input_text, timeout_s=timeout_s, check=check)

    def put(self, text: str, path: str, mode: int = 0o644) -> None:
        Path(path).write_text(text)

    def send(self, files: Sequence[Path], directory: str) -> None:
        for file in files:
            shutil.copy(file, directory)
            self.sent += 1


class CopyTest(unittest.TestCase):
    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = self.top / "source"
        self.write("nova/__init__.py", "")
        self.write("nova/pci/stats.py", "one")
        self.spool = self.top / "spool"
        self.spool.mkdir()
        self.connection = HereConnection()

    def write(self, name: str, text: str) -> None:
        (self.source / name).parent.mkdir(parents=True, exist_ok=True)
        (self.source / name).write_text(text)

    def bring(self) -> None:
        manifest = {
            str(file.relative_to(self.source)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in self.source.rglob("*")
            if file.is_file()
        }
        copy = Copy(
            Tree(self.source, manifest),
            PurePosixPath(self.top / "host/opt/stack/nova"),
            PurePosixPath(self.top / "host/opt/vhost/trees/nova.json"),
        )
        copy.bring_up_to_date(cast(HostConnection, self.connection), self.spool)

    def there(self) -> dict[str, str]:
        place = self.top / "host/opt/stack/nova"
        return {
            str(file.relative_to(place)): file.read_text()
            for file in place.rglob("*")
            if file.is_file()
        }

    def test_it_becomes_equal_and_stays_so(self) -> None:
        self.bring()
        self.assertEqual({"nova/__init__.py": "", "nova/pci/stats.py": "one"}, self.there())
        self.bring()
        self.assertEqual(1, self.connection.sent)
        self.assertEqual([], list(self.spool.iterdir()))
        self.assertEqual([], list((self.top / "host/opt/vhost/trees").glob("*.tar")))

    def test_what_has_changed_comes_and_what_is_gone_goes(self) -> None:
        self.bring()
        self.write("nova/pci/stats.py", "two")
        (self.source / "nova/__init__.py").unlink()
        self.write("nova/a name.py", "three")
        self.bring()
        self.assertEqual({"nova/pci/stats.py": "two", "nova/a name.py": "three"}, self.there())

    def test_after_an_interruption_all_comes_again(self) -> None:
        self.bring()
        (self.top / "host/opt/vhost/trees/nova.json").unlink()
        (self.top / "host/opt/stack/nova/nova/pci/stats.py").write_text("half")
        self.bring()
        self.assertEqual("one", self.there()["nova/pci/stats.py"])

    def test_digests_name_the_content_and_the_place(self) -> None:
        one, other = Tree(self.top, {"a": "1"}), Tree(self.top, {"a": "2"})
        record = PurePosixPath("/r")
        names = {
            copies.digest([Copy(tree, PurePosixPath(path), record)])
            for tree in (one, other)
            for path in ("/a", "/b")
        }
        self.assertEqual(4, len(names))
        self.assertEqual("", copies.digest([]))
        self.assertEqual(one.digest, Tree(Path(os.sep), {"a": "1"}).digest)


class UnitTest(unittest.TestCase):
    def test_paths_come_before_the_binding(self) -> None:
        unit = Unit(
            "devstack@n-cpu.service",
            Path("/opt/stack/data/venv/bin/nova-compute"),
            PurePosixPath("/etc/nova/nova-cpu.conf"),
            (PurePosixPath("/opt/vhost/nova"),),
        )
        lines = unit.text().splitlines()
        self.assertIn(f"Environment=PYTHONPATH=/opt/vhost/nova:{BINDING}", lines)
        self.assertIn(
            "ExecStart=/opt/stack/data/venv/bin/nova-compute --config-file /etc/nova/nova-cpu.conf",
            lines,
        )
        self.assertEqual("/etc/systemd/system/devstack@n-cpu.service", str(unit.file))

    def test_what_it_imports_is_imported_by_another_unit(self) -> None:
        unit = Unit(
            "nova-compute.service",
            Path("/venv/bin/nova-compute"),
            PurePosixPath("/etc/nova/nova.conf"),
            preloaded=("nova.cmd.compute", "nova.virt.libvirt.driver"),
        )
        lines, loader = unit.text().splitlines(), unit.loader_text().splitlines()
        self.assertIn(f"Wants=libvirtd.service {PRELOADER}", lines)
        self.assertIn(f"After=libvirtd.service {PRELOADER} vhost-devices.service", lines)
        self.assertIn(
            f"ExecStart=/venv/bin/python -I -S {PRELOAD} run {PRELOAD_SOCKET}"
            " /venv/bin/nova-compute --config-file /etc/nova/nova.conf",
            lines,
        )
        self.assertIn(
            f"ExecStart=/venv/bin/python -P {PRELOAD} serve {PRELOAD_SOCKET}"
            " nova.cmd.compute nova.virt.libvirt.driver",
            loader,
        )
        for text in (lines, loader):
            self.assertIn(f"Environment=PYTHONPATH={BINDING}", text)

    def test_what_systemd_would_take_for_something_else(self) -> None:
        """As systemd.syntax(7) and systemd.service(5) have words, variables and specifiers."""
        odd = "/data/50%h/$HOME/a b/müller"
        program, file = Path(odd) / "bin/nova-compute", PurePosixPath("/etc/$x%i")
        unit = Unit("n.service", program, file, (PurePosixPath(odd),), preloaded=("m",))
        for text in (unit.text(), unit.loader_text()):
            lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
            first, *others = shlex.split(lines["ExecStart"])
            self.assertEqual(odd.replace("%", "%%") + "/bin/python", first)
            self.assertEqual([], [word for word in others if "%" in word.replace("%%", "")])
            self.assertEqual([], [word for word in others if "$" in word.replace("$$", "")])
            (variable,) = shlex.split(lines["Environment"])
            self.assertEqual(f"PYTHONPATH={odd}:{BINDING}".replace("%", "%%"), variable)
        self.assertIn(str(program).replace("%", "%%").replace("$", "$$"), unread(unit.text()))
        self.assertIn("/etc/$$x%%i", unread(unit.text()))

    def test_what_systemd_does_not_run_at_all(self) -> None:
        for mark in ("'", '"', "\\"):
            unit = Unit("n.service", Path(f"/a{mark}b/bin/nova-compute"), PurePosixPath("/etc/x"))
            with self.assertRaisesRegex(InputError, "systemd runs no program whose name has"):
                unit.text()


def unread(text: str) -> list[str]:
    """The words of the command in a unit file, before systemd replaces anything in them."""
    (line,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    return shlex.split(line.removeprefix("ExecStart="))


class ImportedTest(unittest.TestCase):
    def test_nothing_of_nova_that_looks_at_its_options_when_it_is_imported(self) -> None:
        ours = [name for name in lab_compute.IMPORTED if name.partition(".")[0] == "nova"]
        self.assertEqual(["nova.cmd.compute"], ours)
