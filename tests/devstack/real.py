# SPDX-License-Identifier: Apache-2.0
"""A devstack that is installed, looked at, tested and removed in a container."""

import contextlib
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.devstack import container, local_conf, milestones, namespace, repositories, tree
from tests.devstack.settings import Settings
from vhost_tempest_plugin.nova import pci_devices
from vhost_tempest_plugin.nova.pci_devices import PciDeviceRow
from vhost_tempest_plugin.report.results import stream
from vhost_tempest_plugin.report.results.outcome import TestOutcome
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.pci import PciAddress
from vhost_tempest_plugin.util import atomic_file, process

GIT = Path("/opt/git")
DEST = Path("/opt/stack")
LOGS = DEST / "logs"
VHOST = DEST / "data/venv/bin/vhost"
TEMPEST_CONF = DEST / "tempest/etc/tempest.conf"
_OUR_BRANCH = "master"
_PASSWORDS = "passwords"
_SETTINGS = {
    "GIT_BASE": f"file://{GIT}",
    # A second stack.sh has what is in the repositories by then.
    "RECLONE": "True",
    "LOGFILE": f"{LOGS}/stack.sh.log",
    "LOG_COLOR": "False",
    "ENABLE_KSM": "False",
    "ENABLE_KSMTUNED": "False",
    # It would be downloaded else.
    "TEMPEST_VENV_UPPER_CONSTRAINTS": f"{DEST}/requirements/upper-constraints.txt",
}
_DEVICES = (
    "SELECT c.hypervisor_hostname, p.address, p.vendor_id, p.product_id, p.numa_node, p.dev_type"
    " FROM pci_devices p JOIN compute_nodes c ON c.id = p.compute_node_id"
    " WHERE p.deleted = 0 AND c.deleted = 0"
)
# The stack user's that belong to a host; ssh has the way to it open.
_PROCESS = re.compile(r"qemu-system|/vhost |libvirt|^ssh\b")
STACK_S = 4500.0
TESTS_S = 5400.0
UNSTACK_S = 1200.0
CLEAN_S = 600.0


def say(news: str) -> None:
    """Print news with the time of the day."""
    print(f"    {time.strftime('%H:%M:%S')} {news}", file=sys.__stderr__, flush=True)


class Devstack:
    """One in a container that runs."""

    def __init__(self, settings: Settings, inside: container.Container) -> None:
        self._settings = settings
        self.inside = inside

    def stack(self, run: str, controller: "Devstack | None" = None) -> None:
        """Run stack.sh to its end.

        :param controller: where this one registers
        """
        settings = self._settings
        _take_repositories(settings)
        sample = local_conf.read_sample(settings.sample)
        if controller is not None:
            sample = local_conf.at(sample, controller.address(), namespace.make())
            self._trust(controller)
        text = local_conf.render(
            sample,
            f"file://{GIT}/{repositories.OURS}.git {_OUR_BRANCH}",
            f"file://{GIT}",
            {
                **_SETTINGS,
                "VHOST_TOPOLOGY": settings.topology,
                **local_conf.passwords(settings.kept / _PASSWORDS),
            },
            settings.lines.read_text() if settings.lines else "",
        )
        clone = f"[ -d {DEST}/devstack ] || git clone -q -b {settings.branch}"
        self.inside.run(f"{clone} {GIT}/openstack/devstack.git {DEST}/devstack")
        place = settings.tree / str(DEST / "devstack/local.conf").lstrip("/")
        atomic_file.write(place, text)
        self.inside.run(f"chown {tree.STACK}: {DEST}/devstack/local.conf", user="root")
        self._script("stack", run, STACK_S, milestones.Milestones(say))

    def address(self) -> str:
        """Where its services are."""
        words = f". {DEST}/devstack/openrc admin >/dev/null 2>&1; echo $SERVICE_HOST"
        return self.inside.run(words).stdout.strip()

    def _trust(self, controller: "Devstack") -> None:
        """Have the controller's certificate authority, as by Zuul's sync-devstack-data."""
        data = str(DEST / "data").lstrip("/")
        here, there = self._settings.tree / data, controller._settings.tree / data
        here.mkdir(exist_ok=True)
        for name in ("CA", "ca-bundle.pem"):
            if (there / name).exists():
                process.run(["cp", "-a", "--no-target-directory", there / name, here / name])
        self.inside.run(f"chown -R {tree.STACK}: {DEST}/data", user="root")

    def unstack(self, run: str) -> None:
        """Run unstack.sh."""
        self._script("unstack", run, UNSTACK_S)

    def clean(self, run: str) -> None:
        """Run clean.sh."""
        self._script("clean", run, CLEAN_S)

    def _script(
        self, name: str, run: str, limit_s: float, report: milestones.Report = lambda line: None
    ) -> None:
        begun_s = time.monotonic()
        say(f"{name}.sh begins")
        log = self._settings.logs / f"{name}-{run}.log"
        script = f"cd {DEST}/devstack && ./{name}.sh"
        try:
            code = self.inside.follow(script, log, report, limit_s)
        finally:
            self._take_logs(f"{name}-{run}")
        say(f"{name}.sh ended with {code} after {time.monotonic() - begun_s:.0f} s")
        if code != 0:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-60:])
            raise AssertionError(f"{name}.sh ended with {code}, all of it is in {log}:\n{tail}")

    def _take_logs(self, name: str) -> None:
        """Copy what devstack and the hosts have logged, before clean.sh removes it."""
        place = self._settings.logs / name
        place.mkdir(exist_ok=True)
        source = self._settings.tree / str(LOGS).lstrip("/")
        process.run(["cp", "-rL", f"{source}/.", place], check=False)

    def devices(self) -> Counter[tuple[str, PciDeviceRow]]:
        """The devices that Nova's database has, with their hosts."""
        words = f"mysql --defaults-extra-file={DEST}/.my.cnf -BN nova_cell1 -e '{_DEVICES}'"
        rows = [line.split("\t") for line in self.inside.run(words).stdout.splitlines()]
        return Counter(
            (host, _row(address, vendor, product, node, kind))
            for host, address, vendor, product, node, kind in rows
        )

    def expected_devices(self) -> Counter[tuple[str, PciDeviceRow]]:
        """Those that the topology says, for each host there is."""
        layout = catalog.find(self._settings.topology)
        rows = pci_devices.expected_devices(layout)
        return Counter((host, row) for host in self.hosts() for row in rows)

    def hosts(self) -> list[str]:
        """The emulated hosts that the stack user has."""
        listed = json.loads(self.inside.run(f"{VHOST} list --format json").stdout)
        return sorted(host["name"] for host in listed)

    def services(self) -> dict[str, str]:
        """The state of nova-compute by host, as Nova's API has it."""
        words = "compute service list --service nova-compute --format json"
        said = self.inside.run(f"{DEST}/data/venv/bin/openstack --os-cloud devstack-admin {words}")
        return {service["Host"]: service["State"] for service in json.loads(said.stdout)}

    def test(self, run: str) -> tuple[TestOutcome, ...]:
        """Run tests by devstack's tempest; what came of each."""
        log = self._settings.logs / f"tempest-{run}.log"
        tempest = f"cd {DEST}/tempest && .tox/tempest/bin"
        # A worker that dies says where it was.
        words = "export PYTHONFAULTHANDLER=1;"
        words += f" {tempest}/tempest run --concurrency 1 --regex '{self._settings.tests}'"
        self.inside.follow(words, log, _told_test, TESTS_S)
        self._take_logs(f"tempest-{run}")
        kept = LOGS / "tests.subunit"
        self.inside.run(f"{tempest}/stestr last --subunit >{kept} || true")
        with (self._settings.tree / str(kept).lstrip("/")).open("rb") as file:
            return stream.read(file)

    def must_run(self) -> process.Completed:
        """What ``vhost required-tests`` reports of a run, as in the jobs' post-run."""
        words = (
            f"{VHOST} required-tests --config-file {TEMPEST_CONF} --regex '{self._settings.tests}'"
        )
        return self.inside.run(f"{words} --subunit {LOGS}/tests.subunit", check=False)

    def remains(self) -> list[str]:
        """What is left of the plugin: processes, units that run, and hosts."""
        processes = self.inside.run(f"ps --user {tree.STACK} -o args=").stdout.splitlines()
        others = self.inside.run(
            "systemctl list-units --plain --no-legend 'devstack@n-vhost-*';"
            " find ~/.local/state/vhost -mindepth 2 -maxdepth 2 2>/dev/null",
            check=False,
        )
        return [each for each in processes if _PROCESS.search(each)] + others.stdout.splitlines()


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[Devstack]:
    """A container of the tree, or the one that was left running; stopped with the block."""
    settings.root.mkdir(parents=True, exist_ok=True)
    settings.logs.mkdir(parents=True, exist_ok=True)
    # devstack's logs have its passwords in them.
    settings.logs.chmod(0o700)
    left = container.left(settings.root)
    if left is not None and settings.fresh:
        left.stop()
        left = None
    if left is None and (settings.fresh or not settings.tree.exists()):
        say("a new tree")
        if settings.controller is None:
            (settings.root / _PASSWORDS).unlink(missing_ok=True)
        tree.renew(settings.kept, settings.tree, settings.machine)
    if settings.controller is not None:
        namespace.make()
    try:
        with container.booted(settings) as inside:
            yield Devstack(settings, inside)
    finally:
        if settings.controller is not None and container.left(settings.root) is None:
            namespace.remove()


def _take_repositories(settings: Settings) -> None:
    """Bring those that devstack clones from to what is asked for."""
    git = settings.tree / str(GIT).lstrip("/")
    for name in settings.projects:
        source = settings.mirrors / f"openstack+{name}" / "repo"
        tag = repositories.take(source, git / f"openstack/{name}.git", settings.branch)
        say(f"{name} {tag}")
    commit = repositories.ours(git / f"{repositories.OURS}.git", settings.commit, _OUR_BRANCH)
    say(f"{repositories.OURS} {commit}")
    owner = f"{tree.STACK}:{tree.STACK}"
    process.run(["chroot", settings.tree, "chown", "-R", owner, str(GIT)])


def _told_test(line: str) -> None:
    if "vhost_tempest_plugin" in line or line.startswith(" - "):
        say(line)


def _row(address: str, vendor: str, product: str, node: str, kind: str) -> PciDeviceRow:
    return PciDeviceRow(
        address=PciAddress.parse(address),
        vendor_id=vendor,
        product_id=product,
        numa_node=None if node == "NULL" else int(node),
        dev_type=pci_devices.DeviceType(kind),
    )
