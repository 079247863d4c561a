# SPDX-License-Identifier: Apache-2.0
"""Nova's, glance's and Placement's APIs in the words of scenarios, and the waiting for them."""

import contextlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from tempest import config
from tempest.lib import exceptions

from vhost_tempest_plugin.host.nested_guest import GuestReport, parse
from vhost_tempest_plugin.nova.expect import Observation
from vhost_tempest_plugin.nova.readers import Placement
from vhost_tempest_plugin.nova.request import Request
from vhost_tempest_plugin.nova.views.nova import server_topology
from vhost_tempest_plugin.scenario.clients.compute_services import ComputeServices
from vhost_tempest_plugin.scenario.clients.host_aggregate import HostAggregate
from vhost_tempest_plugin.scenario.clients.images import Images
from vhost_tempest_plugin.scenario.clients.naming import name
from vhost_tempest_plugin.scenario.clients.stopwatch import Stopwatch
from vhost_tempest_plugin.util.waiting import wait_for

CONF = config.CONF

_T = TypeVar("_T")
Json = Mapping[str, Any]

# At their default interval, update_resources_interval, with what they take themselves.
TWO_AUDITS_S = 150.0
_FIRST_POLL_S = 0.2
_DISK_GIB = 0
_QUOTAS = ("instances", "cores", "ram")


class ScenarioCloud:
    """The clients of an administrator; flavors and images are made once and shared by tests.

    :param manager: tempest's client manager
    """

    def __init__(self, manager: Any) -> None:
        self.servers = manager.servers_client
        self.flavors = manager.flavors_client
        self.images = Images(manager.image_client_v2)
        self.topologies = manager.vhost.ServerTopologyClient()
        self.placement = Placement(self._placement_get)
        self._placement = manager.placement_client
        self._migrations = manager.migrations_client
        self._quotas = manager.quotas_client
        self.services = ComputeServices(manager.services_client)
        self._zone = HostAggregate(manager.aggregates_client, manager.services_client)
        # What servers are asked for with, so that they come to none but known hosts.
        self._place: dict[str, str] = {}
        self._flavors: dict[str, str] = {}

    def stay_on(self, hosts: Collection[str]) -> None:
        """Have servers on these compute hosts alone, until ``forget``.

        :raises VhostError: somebody has them in an availability zone with others
        """
        zone = self._zone.around(hosts)
        self._place = {"availability_zone": zone} if zone else {}

    def flavor(self, request: Request) -> str:
        """The id of a flavor that asks for this."""
        words = {"vcpus": request.vcpus, "ram": request.memory_mib, **request.extra_specs()}
        key = json.dumps(words, sort_keys=True)
        if key not in self._flavors:
            made = self.flavors.create_flavor(
                name=name(), vcpus=request.vcpus, ram=request.memory_mib, disk=_DISK_GIB
            )["flavor"]["id"]
            try:
                if specs := request.extra_specs():
                    self.flavors.set_flavor_extra_spec(made, **specs)
            except exceptions.RestClientException:
                self.flavors.delete_flavor(made)
                raise
            self._flavors[key] = made
        return self._flavors[key]

    def forget(self) -> None:
        """Delete the flavors and images, and what keeps servers on the hosts."""
        self._zone.remove()
        for flavor in self._flavors.values():
            self.flavors.delete_flavor(flavor)
        self.images.forget()

    def create(
        self,
        request: Request,
        watch: Stopwatch,
        *,
        console: bool = False,
        ports: Iterable[str] = (),
    ) -> str:
        """Ask for a server, and do not wait until it runs; its id.

        :param console: it reports on its console
        :param ports: ids of the ordinary ports that it is to have
        :raises tempest.lib.exceptions.RestClientException: the API refuses it
        """
        with watch.waiting("the API"):
            flavor, image = self.flavor(request), self.images.of(request, console=console)
            networks = [{"port": port} for port in ports] or "none"
            made = self.servers.create_server(
                name=name(), imageRef=image, flavorRef=flavor, networks=networks, **self._place
            )["server"]
        return str(made["id"])

    def prepare(self, request: Request, *, console: bool) -> None:
        """Make flavor and image now; ``create`` reports what is wrong with them."""
        with contextlib.suppress(exceptions.ClientRestClientException):
            self.flavor(request)
            self.images.of(request, console=console)

    def create_many(self, request: Request, count: int, watch: Stopwatch) -> tuple[str, ...]:
        """Ask for that many servers by one request; their ids.

        :raises tempest.lib.exceptions.RestClientException: the API refuses it
        """
        with watch.waiting("the API"):
            flavor, image = self.flavor(request), self.images.of(request, console=False)
            made = self.servers.create_server(
                name=name(),
                imageRef=image,
                flavorRef=flavor,
                networks="none",
                **self._place,
                min_count=count,
                max_count=count,
                return_reservation_id=True,
            )["reservation_id"]

        def listed() -> tuple[str, ...] | None:
            found = self.servers.list_servers(reservation_id=made)["servers"]
            return tuple(server["id"] for server in found) if len(found) == count else None

        return self.until(listed, f"the names of {count} servers", watch)

    def lift_quotas(self) -> Callable[[], None]:
        """Let the tests' project have any number of servers; calling what it gives ends that."""
        project = self.servers.project_id
        before = self._quotas.show_quota_set(project)["quota_set"]
        self._quotas.update_quota_set(project, **dict.fromkeys(_QUOTAS, -1))
        return partial(
            self._quotas.update_quota_set, project, **{each: before[each] for each in _QUOTAS}
        )

    def show(self, server: str) -> Json:
        """The server as the API shows it to an administrator."""
        shown: Json = self.servers.show_server(server)["server"]
        return shown

    def all(self) -> Mapping[str, Json]:
        """All servers of the tests' project by id."""
        listed = self.servers.list_servers(detail=True)["servers"]
        return {server["id"]: server for server in listed}

    def events(self, server: str) -> Mapping[str, str | None]:
        """The results of what was done for the newest action on a server, by Nova's names for it.

        The result is ``Success`` or ``Error``; None while it is being done.
        """
        newest = self.servers.list_instance_actions(server)["instanceActions"][0]["request_id"]
        shown = self.servers.show_instance_action(server, newest)["instanceAction"]
        return {event["event"]: event["result"] for event in shown["events"]}

    def migration(self, server: str) -> str:
        """The status of the newest migration of a server."""
        found = self._migrations.list_migrations(instance_uuid=server)["migrations"]
        return str(max(found, key=lambda each: int(each["id"]))["status"])

    def topology(self, server: str) -> Observation:
        """Where the API says that a server is."""
        return server_topology(self.topologies.show_server_topology(server))

    def report(
        self, server: str, watch: Stopwatch, is_worth_asking: Callable[[], bool]
    ) -> GuestReport:
        """The report on a server's console, once it is complete.

        :param is_worth_asking: whether it is worth asking Nova for it
        """

        def report() -> GuestReport | None:
            if not is_worth_asking():
                return None
            try:
                said = self.servers.get_console_output(server)["output"]
            except (exceptions.NotFound, exceptions.Conflict):
                return None
            report = parse(said)
            return report if report.complete else None

        return self.until(report, f"the report of server {server}", watch)

    def settled(self, servers: Iterable[str], watch: Stopwatch, *, status: str) -> dict[str, Json]:
        """Wait until servers have a status and nothing is being done with them, or have failed."""
        wanted = set(servers)

        def settled() -> dict[str, Json] | None:
            known = self.all()
            done = {
                server: shown
                for server, shown in known.items()
                if server in wanted
                and (
                    shown["status"] == "ERROR"
                    or (shown["status"] == status and shown["OS-EXT-STS:task_state"] is None)
                )
            }
            if gone := wanted - known.keys():
                raise AssertionError(f"servers {', '.join(sorted(gone))} are gone")
            return done if done.keys() == wanted else None

        return self.until(settled, f"status {status}", watch) if wanted else {}

    def delete(self, servers: Iterable[str], watch: Stopwatch) -> None:
        """Delete servers all at once and wait until they are gone."""
        wanted = set(servers)
        for server in wanted:
            try:
                self.servers.delete_server(server)
            except exceptions.NotFound:
                continue

        def gone() -> bool | None:
            return True if not wanted & self.all().keys() else None

        if wanted:
            self.until(gone, "the end of servers", watch)

    def until(
        self,
        condition: Callable[[], _T | None],
        what: str,
        watch: Stopwatch,
        limit_s: float | None = None,
    ) -> _T:
        """Wait for a condition.

        :param limit_s: how long at most on the reference machine, by default
            ``[compute]build_timeout``
        :raises tempest.lib.exceptions.TimeoutException: it did not come
        """
        kind = "status" if what.startswith("status ") else what
        with watch.waiting(kind, detail=what):
            return wait_for(
                condition,
                what,
                limit_s or float(CONF.compute.build_timeout),
                poll_s=CONF.compute.build_interval,
                first_s=_FIRST_POLL_S,
                error=exceptions.TimeoutException,
            )

    def _placement_get(self, path: str) -> Json:
        response, body = self._placement.get(path)
        self._placement.expected_success(200, response.status)
        answer: Json = json.loads(body)
        return answer
