# SPDX-License-Identifier: Apache-2.0
"""Logs and state of an emulated host, whether it runs or not.

The files on the machine are read first, so that they are had of a host that has died, hangs,
or is held by another command; then the host itself is asked, for as long as it answers.
"""

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from vhost_tempest_plugin.errors import HostError, VhostError
from vhost_tempest_plugin.host import status
from vhost_tempest_plugin.host.collect.collection import LIMIT_BYTES, Collection, tail
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.observe import libvirt_view, sysfs
from vhost_tempest_plugin.host.ssh import HostConnection
from vhost_tempest_plugin.util import speed

# Of the status that libvirt keeps of a domain (src/conf/domain_conf.c, virDomainObjFormat).
_DOMAIN = re.compile(r"^ *<domain .*?^ *</domain>\n", re.DOTALL | re.MULTILINE)

_ANSWER_LIMIT_S = 60.0

# Runs what follows it; the rest of what that says is not even sent.
_ENDING = ("sh", "-c", f'"$@" | tail -c {LIMIT_BYTES}', "sh")

_LIBVIRT = ("virsh", "-c", "qemu:///system")
_GUESTS = (
    "for uuid in $(virsh -c qemu:///system list --all --uuid); do"
    " virsh -c qemu:///system dumpxml $uuid; done"
)

# Of the switch and of Neutron's agents, where the host has any.
_NEUTRON = (
    "ip -brief address; ovs-vsctl --timeout=10 show 2>&1; for log in /var/log/neutron-*.log"
    " /var/log/ovn/*.log /var/log/openvswitch/*.log; do [ ! -s $log ] || tail -n 500 -v $log; done"
)

# What the host is asked for, by the name of the file; QEMU's log has its command line.
_COMMANDS: Mapping[str, Sequence[str]] = {
    "capabilities.xml": (*_LIBVIRT, "capabilities"),
    "guests.xml": ("sh", "-c", _GUESTS),
    "guests.log": ("sh", "-c", "tail -n 200 /var/log/libvirt/qemu/*.log"),
    "nova-compute.log": ("cat", "/var/log/nova-compute.log"),
    "networking.log": ("sh", "-c", _NEUTRON),
    "kernel.log": ("dmesg",),
    "journal.log": ("journalctl", "--boot", "--no-pager", "--output=short-precise"),
    "pci.txt": ("lspci", "-nnkv"),
    "numa.txt": ("numactl", "--hardware"),
    "processes.txt": ("ps", "-eo", "pid,ppid,stat,etimes,time,rss,args"),
    "disks.txt": ("df", "-h"),
}


class Inside:
    """Asks a running host for ends of texts, until it does not answer once."""

    def __init__(self, connection: HostConnection) -> None:
        self._connection = connection
        self._silence = ""

    def ask(self, argv: Sequence[str], input_text: str | None = None) -> str:
        """The end of what a command in the host says, as much as a collection keeps.

        :raises HostError: nothing, or the host did not answer this time or earlier
        """
        if self._silence:
            raise HostError(self._silence)
        limit_s = _ANSWER_LIMIT_S * speed.timeout_scale()
        try:
            done = self._connection.run(
                [*_ENDING, *argv], input_text=input_text, timeout_s=limit_s, check=False
            )
        except HostError as error:
            self._silence = str(error)
            raise
        if not done.stdout.strip():
            said = " ".join(done.stderr.split()) or f"nothing, with exit code {done.returncode}"
            raise HostError(f"{argv[0]} said: {said}")
        return done.stdout


def collect(name: str, collection: Collection) -> None:
    """Add a host's pieces to *collection*, below its name.

    :raises InputError: there is no such host, or the collection cannot be written
    """
    directory = HostDirectory.of(name).existing()
    _collect_files(directory, collection)
    with contextlib.ExitStack() as stack:
        try:
            _, connection = stack.enter_context(status.connected(name))
            nics = status.intended(name).hardware().endpoints
        except VhostError as error:
            for file in (*_COMMANDS, "nodedev.xml", "sysfs.txt"):
                collection.lack(f"{name}/{file}", str(error))
            return
        inside = Inside(connection)
        for file, argv in _COMMANDS.items():
            collection.take(f"{name}/{file}", partial(inside.ask, argv))
        nodedev = libvirt_view.argv(nic.address for nic in nics)
        collection.take(f"{name}/nodedev.xml", partial(inside.ask, nodedev))
        collection.take(f"{name}/sysfs.txt", partial(inside.ask, sysfs.argv(), sysfs.script()))


def _collect_files(directory: HostDirectory, collection: Collection) -> None:
    name, root = directory.name, directory.libvirt_root
    collection.take(f"{name}/status.json", partial(_status, name))
    collection.take_file(f"{name}/topology.yaml", directory.topology)
    collection.take_file(f"{name}/console.log", directory.console_log)
    if directory.console_before.exists():
        collection.take_file(f"{name}/console.before.log", directory.console_before)
    collection.take(f"{name}/domain.xml", partial(_domain_xml, directory))
    collection.take(f"{name}/qemu.log", partial(_joined, root / "log/qemu"))
    collection.take_file(f"{name}/libvirt.log", root / "libvirt.log")


def _status(name: str) -> str:
    found = status.status(name)
    facts = {
        "phase": found.phase or "damaged",
        "pids": found.pids,
        "record": json.loads(found.record.dump()) if found.record else None,
    }
    return json.dumps(facts, indent=2) + "\n"


def _domain_xml(directory: HostDirectory) -> str:
    """The domain as the private libvirt has last written it down."""
    texts = [
        path.read_text(encoding="utf-8")
        for path in sorted(directory.libvirt_root.glob("run/qemu/*.xml"))
    ]
    found = [match[0] for text in texts for match in _DOMAIN.finditer(text)]
    if not found:
        raise HostError("the host's own libvirt knows of no domain")
    return "".join(found)


def _joined(directory: Path) -> str:
    return "".join(tail(path) for path in sorted(directory.glob("*.log")))
