# SPDX-License-Identifier: Apache-2.0
"""The one client of a cloud's APIs, a lab's or another's, with the administrator's rights.

It is openstacksdk's; what comes back are values of ours, and its errors become ours here.  The
SDK takes half a second to import: that is done when a cloud is opened, not before.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from vhost_tempest_plugin.cloud.client.resources import (
    CloudError,
    ComputeService,
    Hypervisor,
    Server,
    UntrustedError,
)
from vhost_tempest_plugin.cloud.configuration import common
from vhost_tempest_plugin.cloud.configuration.service import CATALOGUE, Service
from vhost_tempest_plugin.cloud.configuration.settings import REGION, Settings
from vhost_tempest_plugin.errors import VhostCommand
from vhost_tempest_plugin.nova.readers.placement import Placement
from vhost_tempest_plugin.util.waiting import wait_for

if TYPE_CHECKING:
    from openstack.connection import Connection

# 2.90: Xena; 1.36: Train.
_COMPUTE_VERSION = "2.90"
_PLACEMENT_VERSION = "1.36"
_ANSWER_LIMIT_S = 60.0

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where a cloud is, and who asks.

    :param authority: a file with the certificates to trust, None for the system's
    :param logs: what shows the log of a service, for hints
    :param is_local: it is on the loopback address: no proxy of the environment is asked
    """

    identity: str
    username: str
    password: str = field(repr=False)
    project: str
    logs: Callable[[Service], object]
    user_domain: str = common.DOMAIN
    project_domain: str = common.DOMAIN
    region: str | None = REGION
    authority: str | None = None
    is_local: bool = False


class Cloud:
    """The APIs; ``open`` or ``connect`` makes one.

    :param connection: for what has no method here, in a block of ``refusals``
    """

    def __init__(self, connection: "Connection", logs: Callable[[Service], object]) -> None:
        self.connection = connection
        self.logs = logs
        self.placement = Placement(lambda path: self.get(Service.PLACEMENT, path))

    @classmethod
    def open(cls, settings: Settings) -> AbstractContextManager["Cloud"]:
        """A client of a lab for as long as the block takes; nothing is asked yet."""
        return cls.connect(
            Credentials(
                identity=common.url(settings, Service.KEYSTONE),
                username=common.ADMIN,
                password=settings.secrets.admin,
                project=common.ADMIN,
                logs=lambda service: VhostCommand("lab", "logs", service, name=settings.name),
                is_local=True,
            )
        )

    @classmethod
    @contextmanager
    def connect(cls, credentials: Credentials) -> Iterator["Cloud"]:
        """A client for as long as the block takes; nothing is asked yet."""
        from keystoneauth1 import session
        from keystoneauth1.identity import v3
        from openstack.connection import Connection

        # What they would print of a service that does not answer yet, an error says.
        for name in ("keystoneauth", "openstack"):
            logging.getLogger(name).setLevel(logging.ERROR)
        plugin = v3.Password(
            auth_url=credentials.identity,
            username=credentials.username,
            password=credentials.password,
            project_name=credentials.project,
            user_domain_name=credentials.user_domain,
            project_domain_name=credentials.project_domain,
        )
        http = session.Session(
            auth=plugin, verify=credentials.authority or True, timeout=_ANSWER_LIMIT_S
        )
        http.session.trust_env = not credentials.is_local
        connection = Connection(
            session=http,
            region_name=credentials.region,
            interface="public",
            compute_default_microversion=_COMPUTE_VERSION,
            placement_default_microversion=_PLACEMENT_VERSION,
            # keystone's own address is known before there is a catalogue.
            identity_api_version="3",
            identity_endpoint_override=credentials.identity,
        )
        try:
            yield cls(connection, credentials.logs)
        finally:
            connection.close()
            http.session.close()

    @contextmanager
    def refusals(self, service: Service, asked: str) -> Iterator[None]:
        """A block in which the SDK asks a service; what it raises there becomes our error.

        :param asked: completes "nova-api refused ..."
        :raises UntrustedError: the authority of its certificate is unknown
        :raises CloudError: it is refused, or nobody answers
        """
        from keystoneauth1.exceptions import ClientException
        from openstack.exceptions import SDKException

        try:
            yield
        except (ClientException, SDKException) as error:
            # Of OpenSSL, by way of requests and keystoneauth.
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise UntrustedError(
                    f"the certificate of {service} is not trusted: {error}",
                    hint=(
                        "set [keystone_authtoken]cafile in Nova's configuration to a file with its "
                        "authority"
                    ),
                ) from None
            status = getattr(error, "status_code", None) or getattr(error, "http_status", None)
            raise CloudError(
                f"{service} refused {asked}: {error}", status, hint=f"see {self.logs(service)}"
            ) from None

    def get(self, service: Service, path: str) -> Json:
        """What a service answers for a path below its version, where the SDK has no call for it.

        :raises CloudError: it is refused, or nobody answers
        """
        with self.refusals(service, f"GET {path}"):
            from openstack.exceptions import raise_from_response

            proxy = getattr(self.connection, CATALOGUE[service])
            response = proxy.get(path)
            raise_from_response(response)
            answer: Json = response.json()
            return answer

    def services(self, **which: str) -> tuple[ComputeService, ...]:
        """Nova's services that report themselves, by binary and host.

        :param which: ``binary`` or ``host``, for some of them
        """
        with self.refusals(Service.NOVA_API, "the list of services"):
            found = self.connection.compute.services(**which)
            return tuple(sorted(map(ComputeService.read, found)))

    def hypervisors(self) -> tuple[Hypervisor, ...]:
        """The compute nodes that are mapped to a cell, by name."""
        with self.refusals(Service.NOVA_API, "the list of hypervisors"):
            found = self.connection.compute.hypervisors(details=True)
            return tuple(sorted(map(Hypervisor.read, found)))

    def living_agents(self, host: str) -> frozenset[str]:
        """The agents of a host that are alive by Neutron's account, by their programs' names."""
        with self.refusals(Service.NEUTRON, f"the agents of {host!r}"):
            found = self.connection.network.agents(host=host)
            return frozenset(agent.binary for agent in found if agent.is_alive)

    def servers(self) -> tuple[Server, ...]:
        """Those of all projects."""
        with self.refusals(Service.NOVA_API, "the list of servers"):
            return tuple(map(Server.read, self.connection.compute.servers(all_projects=True)))

    def server(self, uuid: str) -> Server:
        """One server.

        :raises CloudError: there is none
        """
        with self.refusals(Service.NOVA_API, f"server {uuid}"):
            return Server.read(self.connection.compute.get_server(uuid))

    def create_server(self, name: str, *, flavor: str, image: str) -> Server:
        """Ask for a server without networks; it is not waited for.

        :param flavor: its id
        :param image: its id
        :raises CloudError: it is refused
        """
        with self.refusals(Service.NOVA_API, f"a new server {name!r}"):
            made = self.connection.compute.create_server(
                name=name, flavor_id=flavor, image_id=image, networks="none"
            )
            return self.server(made.id)

    def wait_for_server(self, uuid: str, limit_s: float) -> Server:
        """Wait until a server is active.

        :param limit_s: on the machine of ``speed.timeout_scale``
        :raises CloudError: it fails, or is not active within the limit
        """

        def active() -> Server | None:
            server = self.server(uuid)
            if server.status == "ERROR":
                raise CloudError(
                    f"server {server.name!r} failed: {server.fault}",
                    hint=(
                        f"see {self.logs(Service.NOVA_CONDUCTOR)} and "
                        f"{self.logs(Service.NOVA_COMPUTE)}"
                    ),
                )
            return server if server.status == "ACTIVE" else None

        return self._wait(active, limit_s, f"server {uuid} to become active")

    def delete_server(self, uuid: str, limit_s: float) -> None:
        """Delete a server and wait until it is gone.

        :raises CloudError: it is still there after the limit
        """
        with self.refusals(Service.NOVA_API, f"to delete server {uuid}"):
            self.connection.compute.delete_server(uuid, ignore_missing=False)

        def gone() -> bool:
            try:
                self.server(uuid)
            except CloudError as error:
                if error.is_missing:
                    return True
                raise
            return False

        self._wait(gone, limit_s, f"the end of server {uuid}")

    def console(self, uuid: str) -> str:
        """What a server wrote to its serial console.

        :raises CloudError: it has none yet
        """
        with self.refusals(Service.NOVA_API, f"the console of server {uuid}"):
            return str(self.connection.compute.get_server_console_output(uuid)["output"])

    def flavors(self) -> Mapping[str, str]:
        """Ids by name."""
        with self.refusals(Service.NOVA_API, "the list of flavors"):
            found = self.connection.compute.flavors(is_public=None)
            return {flavor.name: flavor.id for flavor in found}

    def images(self) -> Mapping[str, str]:
        """Ids of those that can be used, by name."""
        with self.refusals(Service.GLANCE, "the list of images"):
            return {image.name: image.id for image in self.connection.image.images(status="active")}

    def networks(self) -> Mapping[str, str]:
        """Ids by name."""
        with self.refusals(Service.NEUTRON, "the list of networks"):
            return {network.name: network.id for network in self.connection.network.networks()}

    def _wait(self, condition: Callable[[], T | None], limit_s: float, what: str) -> T:
        hint = f"see {self.logs(Service.NOVA_CONDUCTOR)}"
        return wait_for(condition, what, limit_s, error=lambda fact: CloudError(fact, hint=hint))
