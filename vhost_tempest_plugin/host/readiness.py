# SPDX-License-Identifier: Apache-2.0
"""The way into a host that was started, and its way out: the login, and the shutdown by it."""

from pathlib import Path

from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.host import console, console_log
from vhost_tempest_plugin.host.directory import HostDirectory
from vhost_tempest_plugin.host.record import HostRecord
from vhost_tempest_plugin.host.ssh import HostConnection, Ssh
from vhost_tempest_plugin.hypervisor import Domain, DomainState
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.util import growing_file, speed
from vhost_tempest_plugin.util.progress import Progress
from vhost_tempest_plugin.util.waiting import wait_for

# What an article-sized host took on the reference machine, times ten; each NIC adds to it.
_LIMIT_S = {Accelerator.KVM: 120.0, Accelerator.TCG: 400.0}
_LIMIT_OF_NIC_S = 5.0

# How long one that has booted may take to accept ssh, before it is asked again and again.
_AWAKE_S = 15.0

# A restored host goes on with the time at which it was saved.  A login reports its clock to
# some tenths of a second, so that less than this is left alone.
_LAG_S = 0.5

# The image's unit that does what vhost.sriov and vhost.vfio say; to start it is to wait for it.
_DEVICES_UNIT = "vhost-devices.service"


def ssh(directory: HostDirectory, port: int) -> Ssh:
    """How the host is reached over *port* of the loopback address."""
    return Ssh(directory.path, port, directory.client_key, directory.known_hosts, directory.name)


def wait(
    running: Domain,
    directory: HostDirectory,
    record: HostRecord,
    layout: Layout,
    progress: Progress,
    *,
    awake: bool,
) -> int:
    """Wait until the host accepts ssh, its NICs as the topology wants them, its clock right.

    Returns the port that leads to its ssh.

    :param awake: it has booted before, as one that was restored
    :raises HostError: it does not; the message has the console's last lines and the likely cause
    """
    limit_s = _LIMIT_S[record.accelerator] + _LIMIT_OF_NIC_S * len(layout.devices)
    port = running.forward_ssh()
    watch = _Watch(running, directory.console_log, progress)
    try:
        with HostConnection(ssh(directory, port)) as connection:
            lag_s = connection.lets_in(_AWAKE_S) if awake else None
            if lag_s is None:
                lag_s = connection.wait_until_ready(limit_s, watch)
            if abs(lag_s) > _LAG_S:
                progress(f"its clock is {lag_s:.1f} s behind and set now")
                connection.set_clock()
            if any(device.vfs or device.vfio_addresses for device in layout.devices):
                progress("virtual functions and vfio-pci")
                connection.run(
                    ["systemctl", "start", _DEVICES_UNIT],
                    timeout_s=limit_s * speed.timeout_scale(),
                )
    except HostError as error:
        raise _failure(directory, watch.stage, error) from None
    progress(f"{console.Stage.SSH}: logged in")
    return port


def shut_down(
    running: Domain, directory: HostDirectory, record: HostRecord, progress: Progress
) -> None:
    """Let the host power itself off; where it does not, end it."""
    limit_s = _LIMIT_S[record.accelerator] * speed.timeout_scale()
    progress(f"shutting {record.name!r} down")
    try:
        with HostConnection(ssh(directory, running.forward_ssh())) as connection:
            connection.run(["systemctl", "--no-block", "poweroff"], timeout_s=limit_s)
        wait_for(
            lambda: running.state is DomainState.OFF,
            "it to power itself off",
            _LIMIT_S[record.accelerator],
            poll_s=0.1,
            error=HostError,
        )
    except HostError as error:
        progress(f"it does not shut down ({error.fact}); ending it")
        running.destroy()


class _Watch:
    """Reports each stage of a boot as it comes, and notices a host that died."""

    def __init__(self, running: Domain, log: Path, progress: Progress) -> None:
        self._running = running
        self._reader = console_log.StageReader(log)
        self._progress = progress
        self._reported: console.Stage | None = None

    @property
    def stage(self) -> console.Stage:
        """How far the boot has come."""
        return self._reader.read()

    def __call__(self) -> None:
        stage = self.stage
        if stage is not self._reported:
            self._reported = stage
            self._progress(stage.value)
        if self._running.state is not DomainState.RUNNING:
            raise HostError(f"the host's domain is {self._running.state}")


def _failure(directory: HostDirectory, stage: console.Stage, error: HostError) -> HostError:
    """What failed, why if the console shows it, and the console's end."""
    try:
        text = growing_file.tail(directory.console_log, console_log.TAIL_BYTES)
    except FileNotFoundError:
        text = ""
    cause = console.likely_cause(text)
    said = " / ".join(console.last_lines(text)) or "nothing"
    why = f" ({cause})" if cause else ""
    return HostError(
        f"host {directory.name!r} did not come up at stage {stage}: {error.fact}"
        f"{why}, and the console ends with: {said}",
        hint=f"see {directory.console_log}",
    )
