# SPDX-License-Identifier: Apache-2.0
"""A client of a cloud's APIs, a lab's or another's, with the administrator's rights.

What comes back are values of ours.  References: https://docs.openstack.org/api-ref/compute/
and .../placement/, .../image/v2/.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from keystoneauth1 import adapter, exceptions, session
from keystoneauth1.identity import v3

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
from vhost_tempest_plugin.nova.views import Provider
from vhost_tempest_plugin.util.waiting import wait_for

# 2.90: Xena; 1.36: Train.
_COMPUTE_VERSION = "2.90"
_PLACEMENT_VERSION = "1.36"
_ANSWER_LIMIT_S = 60.0

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where a cloud is, and who asks.

    :param authority: a file with the certificates to trust, None for the system's
    :param logs: what shows the log of a service, for hints
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


class Cloud:
    """The APIs; ``open`` or ``enter`` makes one."""

    def __init__(self, entrance: Entrance, http: session.Session) -> None:
        self.logs = entrance.logs
        self._adapters = {
            service: adapter.Adapter(
                http, service_type=kind, interface="public", region_name=entrance.region
            )
            for service, kind in CATALOGUE.items()
        }
        self._adapters[Service.NOVA_API].default_microversion = _COMPUTE_VERSION
        self._adapters[Service.PLACEMENT].default_microversion = _PLACEMENT_VERSION
        # keystone's own address is known before there is a catalogue.
        self._adapters[Service.KEYSTONE].endpoint_override = entrance.identity

    @classmethod
    def open(cls, settings: Settings) -> AbstractContextManager["Cloud"]:
        """A client of a lab for as long as the block takes; nothing is asked yet."""
        return cls.enter(
            Entrance(
                identity=common.url(settings, Service.KEYSTONE),
                username=common.ADMIN,
                password=settings.secrets.admin,
                project=common.ADMIN,
                logs=lambda service: VhostCommand("lab", "logs", service, name=settings.name),
            )
        )

    @classmethod
    @contextmanager
    def enter(cls, entrance: Entrance) -> Iterator["Cloud"]:
        """A client for as long as the block takes; nothing is asked yet."""
        plugin = v3.Password(
            auth_url=entrance.identity,
            username=entrance.username,
            password=entrance.password,
            project_name=entrance.project,
            user_domain_name=entrance.user_domain,
            project_domain_name=entrance.project_domain,
        )
        http = session.Session(
            auth=plugin, verify=entrance.authority or True, timeout=_ANSWER_LIMIT_S
        )
        try:
            yield cls(entrance, http)
        finally:
            http.session.close()

    def call(
        self,
        service: Service,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        data: bytes | None = None,
    ) -> Json:
        """One request of an API; what it answers, empty where that is no JSON.

        :param data: what to send where that is no JSON
        :raises UntrustedError: the authority of its certificate is unknown
        :raises CloudError: it is refused, or nobody answers
        """
        words: Json = {}
        if body is not None:
            words["json"] = body
        if data is not None:
            words |= {"data": data, "headers": {"Content-Type": "application/octet-stream"}}
        try:
            response = self._adapters[service].request(path, method, **words)
        except exceptions.ClientException as error:
            # Of OpenSSL, by way of requests and keystoneauth.
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise UntrustedError(
                    f"the certificate of {service} is not trusted: {error}",
                    hint=(
                        "set [keystone_authtoken]cafile in Nova's configuration to a file with its "
                        "authority"
                    ),
                ) from None
            status = getattr(error, "http_status", None)
            raise CloudError(
                f"{service} refused {method} {path}: {error}",
                status,
                hint=f"see {self.logs(service)}",
            ) from None
        if "json" not in response.headers.get("Content-Type", "") or not response.content:
            return {}
        answer: Json = response.json()
        return answer

    def services(self) -> tuple[ComputeService, ...]:
        """Nova's services that report themselves, by binary and host."""
        found = self.call(Service.NOVA_API, "GET", "/os-services")["services"]
        return tuple(sorted(ComputeService.read(entry) for entry in found))

    def hypervisors(self) -> tuple[Hypervisor, ...]:
        """The compute nodes that are mapped to a cell, by name."""
        found = self.call(Service.NOVA_API, "GET", "/os-hypervisors/detail")["hypervisors"]
        return tuple(sorted(Hypervisor.read(entry) for entry in found))

    def providers(self) -> tuple[Provider, ...]:
        """Placement's resource providers with what they have and what of it is used, by name."""
        listed = self.call(Service.PLACEMENT, "GET", "/resource_providers")["resource_providers"]
        return tuple(sorted((self._provider(entry) for entry in listed), key=lambda p: p.name))

    def allocations(self, consumer: str) -> Mapping[str, Mapping[str, int]]:
        """What a consumer, as a server, holds: by provider's uuid and resource class."""
        path = f"/allocations/{consumer}"
        held = self.call(Service.PLACEMENT, "GET", path)["allocations"]
        return {uuid: entry["resources"] for uuid, entry in held.items()}

    def servers(self) -> tuple[Server, ...]:
        """Those of all projects."""
        found = self.call(Service.NOVA_API, "GET", "/servers/detail?all_tenants=1")["servers"]
        return tuple(Server.read(entry) for entry in found)

    def server(self, uuid: str) -> Server:
        """One server.

        :raises CloudError: there is none
        """
        return Server.read(self.call(Service.NOVA_API, "GET", f"/servers/{uuid}")["server"])

    def create_server(self, name: str, *, flavor: str, image: str) -> Server:
        """Ask for a server without networks; it is not waited for.

        :param flavor: its id
        :param image: its id
        :raises CloudError: it is refused
        """
        body = {
            "server": {"name": name, "flavorRef": flavor, "imageRef": image, "networks": "none"}
        }
        made = self.call(Service.NOVA_API, "POST", "/servers", body=body)["server"]
        return self.server(made["id"])

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
        self.call(Service.NOVA_API, "DELETE", f"/servers/{uuid}")

        def gone() -> bool | None:
            try:
                self.server(uuid)
            except CloudError as error:
                if error.is_missing:
                    return True
                raise
            return None

        self._wait(gone, limit_s, f"the end of server {uuid}")

    def console(self, uuid: str) -> str:
        """What a server wrote to its serial console.

        :raises CloudError: it has none yet
        """
        body: Json = {"os-getConsoleOutput": {}}
        answer = self.call(Service.NOVA_API, "POST", f"/servers/{uuid}/action", body=body)
        return str(answer["output"])

    def flavors(self) -> Mapping[str, str]:
        """Ids by name."""
        path = "/flavors?is_public=None"
        return _by_name(self.call(Service.NOVA_API, "GET", path)["flavors"])

    def images(self) -> Mapping[str, str]:
        """Ids of those that can be used, by name."""
        path = "/v2/images?status=active&limit=1000"
        return _by_name(self.call(Service.GLANCE, "GET", path)["images"])

    def networks(self) -> Mapping[str, str]:
        """Ids by name."""
        return _by_name(self.call(Service.NEUTRON, "GET", "/v2.0/networks")["networks"])

    def _wait(self, condition: Callable[[], T | None], limit_s: float, what: str) -> T:
        hint = f"see {self.logs(Service.NOVA_CONDUCTOR)}"
        return wait_for(condition, what, limit_s, error=lambda fact: CloudError(fact, hint=hint))

    def _provider(self, entry: Json) -> Provider:
        path = f"/resource_providers/{entry['uuid']}"
        return Provider.read(
            entry,
            self.call(Service.PLACEMENT, "GET", f"{path}/inventories")["inventories"],
            self.call(Service.PLACEMENT, "GET", f"{path}/usages")["usages"],
            self.call(Service.PLACEMENT, "GET", f"{path}/traits")["traits"],
        )


def _by_name(entries: list[Json]) -> dict[str, str]:
    return {entry["name"]: entry["id"] for entry in entries}
