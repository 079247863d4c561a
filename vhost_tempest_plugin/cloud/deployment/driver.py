# SPDX-License-Identifier: Apache-2.0
"""What tests may do to the deployment they run on, besides asking its APIs.

A driver knows how that is done on one kind of deployment.  It is an entry point of the
namespace ``vhost_tempest_plugin.deployments``; ``[vhost]driver`` of tempest.conf names it.
Without one, the tests that need a driver say so.
"""

import abc
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import ClassVar

from stevedore import ExtensionManager
from stevedore.driver import DriverManager
from stevedore.exception import NoMatches

from vhost_tempest_plugin.cloud.deployment.capability import DriverCapability
from vhost_tempest_plugin.errors import InputError, VhostError
from vhost_tempest_plugin.topology.layout import Layout
from vhost_tempest_plugin.topology.pci import PciAddress

NAMESPACE = "vhost_tempest_plugin.deployments"

# An option's value; a tuple is a multi-valued option, written once for each value.
Value = str | tuple[str, ...]

NOVA_COMPUTE = "nova-compute"
LIBVIRT = "libvirt"


class StartError(VhostError):
    """A service does not come up, or ends again; exit code 4.

    :param service: its name
    :param lines: the end of what it has logged since it was started
    """

    exit_code: ClassVar[int] = 4

    def __init__(
        self, fact: str, service: str = "", lines: tuple[str, ...] = (), *, hint: str = ""
    ) -> None:
        super().__init__(fact, hint=hint)
        self.service = service
        self.lines = lines


class Deployment(abc.ABC):
    """A driver.

    Services are called as their programs are: ``nova-api``, ``nova-scheduler``,
    ``nova-conductor``, ``nova-compute``, and ``libvirt`` for what of libvirt runs guests on a
    compute host.  Hosts are called as in ``[vhost]hosts``, which is what Nova calls them; where
    a service runs on compute hosts and none is named, all of them are meant.

    A method returns when what it has begun can be used: an API answers, a service has reported
    itself to Nova since, a host accepts ssh and its nova-compute has reported.
    Limits of time are the driver's business and are scaled by ``speed.timeout_scale``.

    :param name: ``[vhost]deployment_name``: which deployment it is, in the driver's own words
    :param hosts: the compute hosts that tests run on
    """

    capabilities: ClassVar[frozenset[DriverCapability]]

    def __init__(self, name: str, hosts: tuple[str, ...]) -> None:
        self.name = name
        self.hosts = hosts

    @abc.abstractmethod
    def configured(
        self, service: str, options: Mapping[str, Value]
    ) -> AbstractContextManager[None]:
        """Options of a service while the block runs; afterwards they are what they were.

        Every other service that reads one of them gets it too (``[pci]alias`` belongs to
        nova-api and nova-compute), on every compute host.  The services are restarted, before
        the block and after it, and can be used then.  Blocks nest.  However the block ends,
        also by a failed assertion, the options are put back.

        :param options: by ``section.option``, as in ``{"pci.report_in_placement": "true"}``;
            oslo.config's ``$`` counts as it does in a file
        :raises StartError: a service does not come up with them; they have been put back
        :raises InputError: there is no such service, or it knows no such option
        """

    @abc.abstractmethod
    def restart(self, service: str, host: str | None = None) -> None:
        """End a service in an orderly way and start it.

        :raises StartError: it does not come up
        """

    @abc.abstractmethod
    def stop(self, service: str, host: str | None = None) -> None:
        """End a service in an orderly way; it stays ended until ``start``."""

    @abc.abstractmethod
    def kill(self, service: str, host: str | None = None) -> None:
        """End a service at once (SIGKILL); ``start`` is called afterwards.

        Whatever watches it may have started it again by then.
        """

    @abc.abstractmethod
    def start(self, service: str, host: str | None = None) -> None:
        """Start a service where it does not run, and wait until it can be used in any case.

        :raises StartError: it does not come up
        """

    @abc.abstractmethod
    def reboot(self, host: str) -> None:
        """Take the power from a compute host with all that runs on it, and boot it again.

        Its disk stays, its guests are off afterwards, or whatever Nova makes of them.

        :raises StartError: nova-compute does not come up
        """

    @abc.abstractmethod
    def unplug(self, host: str, device: PciAddress, *, wait: bool = True) -> None:
        """Unplug a device of a compute host while it runs, as a hand would.

        It may be asked for again, as long as the device is there.

        :param wait: until the host has released it; one that a guest has goes when that guest ends
        :raises HostError: the host does not release it
        :raises InputError: there is no such device
        """

    @abc.abstractmethod
    def plug(self, host: str, device: PciAddress) -> None:
        """Plug in again what was unplugged; it has the address and node that it had.

        :raises HostError: there is no place for it
        """

    @abc.abstractmethod
    def with_hardware(self, host: str, hardware: Layout) -> AbstractContextManager[None]:
        """Boot a compute host with other hardware while the block runs.

        As ``reboot``, before the block and after it: afterwards it has what it had, however
        the block ends.

        :param hardware: what it has of NICs, and where; its CPUs and its memory must be its own
        :raises StartError: nova-compute does not come up
        """

    @abc.abstractmethod
    def log(self, service: str, host: str | None, count: int) -> tuple[str, ...]:
        """The last lines that a service has logged, without secrets; none where it has no log."""


def load(driver: str, name: str, hosts: tuple[str, ...]) -> Deployment:
    """The driver that is called *driver*, for one deployment.

    :raises InputError: there is no such driver
    """
    try:
        found: DriverManager[Deployment] = DriverManager(
            NAMESPACE, driver, invoke_on_load=True, invoke_args=(name, hosts)
        )
    except NoMatches:
        known = ", ".join(ExtensionManager[Deployment](NAMESPACE).names()) or "none"
        raise InputError(
            f"there is no deployment driver {driver!r}",
            hint=f"correct [vhost]driver, known: {known}",
        ) from None
    if not isinstance(found.driver, Deployment):
        raise InputError(
            f"the entry point {driver!r} of {NAMESPACE} is no Deployment", hint="correct it"
        )
    return found.driver
