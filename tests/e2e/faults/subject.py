# SPDX-License-Identifier: Apache-2.0
"""What faults happen to: a host, a lab, a network and the image, each with its states."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tests.e2e.faults import nova_trees
from tests.e2e.faults.machine import Machine

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command:
    """A command that faults meet.

    :param words: the arguments of ``vhost``
    :param state: the state of the subject in which it starts
    """

    words: Words
    state: str


@dataclass(frozen=True)
class Subject(ABC):
    """One thing of the user's that commands change.

    :cvar name: for the table
    :cvar weight: how often it is chosen, relative to others
    """

    name: ClassVar[str]
    weight: ClassVar[int]

    machine: Machine

    @abstractmethod
    def build(self) -> None:
        """Make the states that ``prepare`` starts from; takes minutes."""

    @abstractmethod
    def prepare(self, state: str) -> None:
        """Bring it into *state*; nothing of it is there before."""

    @property
    @abstractmethod
    def commands(self) -> tuple[Command, ...]:
        """The commands that change it."""

    @property
    @abstractmethod
    def recovery(self) -> Words:
        """The next command after a fault: afterwards it works again."""

    @property
    @abstractmethod
    def proof(self) -> Words:
        """A command that succeeds where it works."""

    @property
    @abstractmethod
    def removal(self) -> Words:
        """The command that removes all of it."""

    @property
    def files(self) -> tuple[Path, ...]:
        """Its files that faults may damage."""
        return tuple(path for path in sorted(self.directory.rglob("*")) if path.is_file())

    @property
    @abstractmethod
    def directory(self) -> Path:
        """Where its files are."""

    def must_fail(self, command: Command) -> bool:
        """Whether a command must be refused where no fault happens."""
        return False

    @property
    def in_host(self) -> tuple[Words, ...]:
        """Commands that end a program in its host."""
        return ()

    def pairs(self) -> tuple[tuple[Words, Words], ...]:
        """All pairs of commands that may run at once."""
        words = sorted({command.words for command in self.commands})
        return tuple((one, other) for one in words for other in words)


class HostSubject(Subject):
    """A host of the smallest topology."""

    name = "host"
    weight = 8
    HOST: ClassVar[str] = "faulty"
    TOPOLOGY: ClassVar[str] = "single"
    NIC: ClassVar[str] = "0000:b5:00.0"

    def build(self) -> None:
        vhost = self.machine.online()
        vhost.run("up", self.TOPOLOGY, "--name", self.HOST)
        vhost.run("save", self.HOST)
        self.machine.keep("host-saved")

    def prepare(self, state: str) -> None:
        self.machine.put_back("absent" if state == "absent" else "host-saved")
        vhost = self.machine.vhost()
        if state in ("up", "off"):
            vhost.run("up", "--name", self.HOST)
        if state == "off":
            vhost.run("down", self.HOST)

    @property
    def commands(self) -> tuple[Command, ...]:
        up = ("up", self.TOPOLOGY, "--name", self.HOST)
        return (
            Command(up, "absent"),
            Command(up, "saved"),
            Command((*up, "--cold"), "saved"),
            Command(("save", self.HOST), "up"),
            Command(("restore", self.HOST), "saved"),
            Command(("down", self.HOST), "up"),
            Command(("unplug", self.HOST, self.NIC), "up"),
            Command(("check", self.HOST, "numa-topology", "iommu-groups"), "up"),
            Command(("destroy", self.HOST), "up"),
            Command(("destroy", self.HOST), "saved"),
        )

    @property
    def recovery(self) -> Words:
        return ("up", self.TOPOLOGY, "--name", self.HOST)

    @property
    def proof(self) -> Words:
        return ("ssh", self.HOST, "true")

    @property
    def removal(self) -> Words:
        return ("destroy", self.HOST)

    @property
    def directory(self) -> Path:
        return self.machine.state / "vhost/hosts" / self.HOST


class LabSubject(Subject):
    """A lab with one host; its snapshot is what ``build`` made.

    ``lab up --nova`` is given a working tree of Nova that a fault may break.
    """

    name = "lab"
    weight = 5
    LAB: ClassVar[str] = "faulty"
    OPTION: ClassVar[str] = "filter_scheduler.host_subset_size=1"
    TEST: ClassVar[str] = "test_nothing_is_reported"

    def build(self) -> None:
        vhost = self.machine.online()
        vhost.run("lab", "up", "--name", self.LAB, "--topology", HostSubject.TOPOLOGY)
        vhost.run("lab", "down", "--name", self.LAB)
        self.machine.keep("lab-down")

    def prepare(self, state: str) -> None:
        self.machine.put_back("lab-down")
        if state == "up":
            self.machine.vhost().run("lab", "up", "--name", self.LAB)

    @property
    def commands(self) -> tuple[Command, ...]:
        named = ("--name", self.LAB)
        return (
            Command(("lab", "up", *named), "down"),
            Command(("lab", "up", *named), "up"),
            Command(("lab", "reset", *named), "up"),
            Command(("lab", "down", *named), "up"),
            Command(("lab", "restart", *named), "up"),
            Command(("lab", "check", *named), "up"),
            Command(("lab", "config", "set", *named, "nova-scheduler", self.OPTION), "up"),
            Command(("lab", "test", *named, "--regex", self.TEST), "up"),
            *(Command(("lab", "up", *named, "--nova", str(tree)), "up") for tree in self.trees()),
            Command(("lab", "destroy", *named), "up"),
            Command(("lab", "destroy", *named), "down"),
        )

    def must_fail(self, command: Command) -> bool:
        return Path(command.words[-1]).name in nova_trees.BROKEN

    def trees(self) -> tuple[Path, ...]:
        """Working trees of Nova: one that is whole, and others that do not start."""
        return tuple(sorted(self.machine.trees.iterdir()))

    @property
    def in_host(self) -> tuple[Words, ...]:
        kill = ("systemctl", "kill", "--signal=KILL")
        return tuple(
            ("ssh", f"{self.LAB}-0", *kill, unit)
            for unit in ("nova-compute", "libvirtd", "ssh", "systemd-journald")
        )

    @property
    def recovery(self) -> Words:
        return ("lab", "up", "--name", self.LAB, "--release-nova")

    @property
    def proof(self) -> Words:
        return ("lab", "check", "--name", self.LAB)

    @property
    def removal(self) -> Words:
        return ("lab", "destroy", "--name", self.LAB)

    @property
    def directory(self) -> Path:
        return self.machine.state / "vhost/labs" / self.LAB


class NetworkSubject(Subject):
    """A network of the machine's for hosts."""

    name = "network"
    weight = 2
    NETWORK: ClassVar[str] = "faulty"

    def build(self) -> None:
        """Once, for the directory and the lock that stay."""
        self.machine.vhost().run(*self.recovery)
        self.machine.vhost().run(*self.removal)

    def prepare(self, state: str) -> None:
        self.machine.put_back("absent")
        if state == "there":
            self.machine.vhost().run(*self.recovery)

    @property
    def commands(self) -> tuple[Command, ...]:
        return (
            Command(self.recovery, "absent"),
            Command(self.recovery, "there"),
            Command(self.removal, "there"),
        )

    @property
    def recovery(self) -> Words:
        return ("network", "create", self.NETWORK, "--owner", "nobody", "--ports", "2")

    @property
    def proof(self) -> Words:
        return ("network", "list")

    @property
    def removal(self) -> Words:
        return ("network", "destroy", self.NETWORK)

    @property
    def directory(self) -> Path:
        return Path("/run/vhost/networks")


class ImageSubject(Subject):
    """The hosts' image and the nested guest, in a cache that is the test's own."""

    name = "image"
    weight = 1

    def build(self) -> None:
        pass

    def prepare(self, state: str) -> None:
        self.machine.put_back("absent")
        self.machine.clean_cache()
        if state == "no guest program":
            for entry in (self.directory / "guest-program").iterdir():
                if entry.is_file():
                    entry.unlink()
                else:
                    _remove(entry)

    @property
    def commands(self) -> tuple[Command, ...]:
        return (
            Command(("image", "build"), "no guest program"),
            Command(("image", "build"), "there"),
            Command(("image", "prune"), "there"),
        )

    @property
    def recovery(self) -> Words:
        return ("image", "build")

    @property
    def proof(self) -> Words:
        return ("doctor",)

    @property
    def removal(self) -> Words:
        return ("image", "prune")

    @property
    def directory(self) -> Path:
        return self.machine.cache

    @property
    def files(self) -> tuple[Path, ...]:
        entries = ("guest-program", "acceleration", "schema")
        return tuple(
            path
            for entry in entries
            for path in sorted((self.directory / entry).rglob("*"))
            if path.is_file() and not path.is_symlink()
        )


def _remove(directory: Path) -> None:
    for path in sorted(directory.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    directory.rmdir()


def all_of(machine: Machine) -> Mapping[str, Subject]:
    """The subjects by their names."""
    kinds: tuple[type[Subject], ...] = (HostSubject, LabSubject, NetworkSubject, ImageSubject)
    return {kind.name: kind(machine) for kind in kinds}
