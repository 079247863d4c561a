# SPDX-License-Identifier: Apache-2.0
"""Tests that have compute hosts to themselves, from the first look at them to the last.

At the end of each nothing of the hosts is held any more, or it fails and says who holds what.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, NoReturn

from tempest import config, test
from tempest.lib import decorators, exceptions
from tempest.lib.common import api_microversion_fixture
from testtools.content import text_content

from vhost_tempest_plugin.cloud.deployment import requirement
from vhost_tempest_plugin.cloud.deployment.driver import LIBVIRT, NOVA_COMPUTE, StartError
from vhost_tempest_plugin.errors import VhostError
from vhost_tempest_plugin.scenario import environment
from vhost_tempest_plugin.scenario.clients.cloud import ScenarioCloud
from vhost_tempest_plugin.scenario.clients.stopwatch import Stopwatch
from vhost_tempest_plugin.scenario.environment import ScenarioEnvironment
from vhost_tempest_plugin.scenario.inspection.inspector import Inspector
from vhost_tempest_plugin.scenario.inspection.observed_host import ObservedHost
from vhost_tempest_plugin.scenario.inspection.record import Record
from vhost_tempest_plugin.scenario.requires import declared
from vhost_tempest_plugin.scenario.session import DisagreementError, Session
from vhost_tempest_plugin.util.current_wait import CurrentWait

CONF = config.CONF

# 2.78: server topology (Train); 2.90: Xena.  Placement 1.36: Train.
COMPUTE_VERSION = "2.90"
PLACEMENT_VERSION = "1.36"
_LOG_LINES = 1000
_KEPT = "the servers of {} are kept on the hosts ([vhost]keep_failed_servers)"


@decorators.serial
class BaseHostTest(test.BaseTestCase):  # type: ignore[misc]
    """Has the hosts of ``[vhost]hosts`` to itself; use it for a test that boots no servers."""

    credentials: ClassVar[list[str]] = ["admin"]
    site: ClassVar[ScenarioEnvironment]
    cloud: ClassVar[ScenarioCloud]
    hosts: ClassVar[dict[str, ObservedHost]]
    # The test that failed and whose servers are kept.
    kept: ClassVar[str] = ""

    @classmethod
    def skip_checks(cls) -> None:
        super().skip_checks()
        if missing := environment.missing():
            raise cls.skipException(missing)
        if cls.kept:
            raise cls.skipException(_KEPT.format(cls.kept))

    @classmethod
    def setup_credentials(cls) -> None:
        cls.set_network_resources()
        super().setup_credentials()

    @classmethod
    def setup_clients(cls) -> None:
        super().setup_clients()
        cls.cloud = ScenarioCloud(cls.os_admin)

    @classmethod
    def resource_setup(cls) -> None:
        super().resource_setup()
        cls.site = environment.configured()
        cls.addClassResourceCleanup(cls._forget)
        versions = api_microversion_fixture.APIMicroversionFixture(
            compute_microversion=COMPUTE_VERSION, placement_microversion=PLACEMENT_VERSION
        )
        database = cls.site.database
        if database is None:
            raise VhostError("[vhost]nova_cell_database is not set")
        cls.hosts = {}
        with versions:
            cls.cloud.stay_on(cls.site.readers)
            for name, reader in cls.site.readers.items():
                cls.cloud.services.reopen(name)
                cls.hosts[name] = ObservedHost(reader, database, cls.cloud.placement)
                cls.addClassResourceCleanup(cls.hosts[name].close)
                with contextlib.suppress(exceptions.TimeoutException):
                    cls.cloud.until(cls.hosts[name].settle, "release", Stopwatch())
            held = [
                f"{name}: {leak}" for name, host in cls.hosts.items() for leak in host.first_leaks()
            ]
        if held:
            raise VhostError(
                f"the hosts are not free: {'; '.join(held)}", hint="delete what is there"
            )

    @classmethod
    def _forget(cls) -> None:
        """Servers that are kept go on using flavors and images."""
        if not cls.kept:
            cls.cloud.forget()

    def setUp(self) -> None:
        super().setUp()
        test = self.id().partition("[")[0]
        self.watch = (
            Stopwatch(news=CurrentWait(Path(CONF.vhost.results_dir), test))
            if CONF.vhost.results_dir
            else Stopwatch()
        )
        self.session = Session(
            self.cloud,
            self.hosts,
            self.site.limits,
            Inspector(self.cloud, self.hosts),
            Record(test),
            self.watch,
            keep=CONF.vhost.keep_failed_servers,
        )
        self.addCleanup(self._write_record)
        if self.kept:
            raise self.skipException(_KEPT.format(self.kept))
        if unmet := requirement.unmet(
            declared(type(self), self._testMethodName), self.site.test_environment
        ):
            raise self.skipException("; ".join(unmet))
        self.useFixture(
            api_microversion_fixture.APIMicroversionFixture(
                compute_microversion=COMPUTE_VERSION, placement_microversion=PLACEMENT_VERSION
            )
        )
        self.addCleanup(self._leave)
        self.addOnException(self._note_failure)
        self.addOnException(self._attach_logs)

    @contextlib.contextmanager
    def known_bug(self, name: str, *facts: str) -> Iterator[None]:
        """The block must fail because of a known bug of Nova, and of nothing else.

        It is an expected failure where each of its facts matches; an unexpected success where the
        block does not fail.  Anything else, as a cloud that does not answer, fails the test.

        :param name: where the bug is described
        :param facts: regular expressions for whole facts
        """
        try:
            yield
        except (AssertionError, StartError) as error:
            if not all(
                any(re.fullmatch(pattern, fact, re.DOTALL) for pattern in facts)
                for fact in _facts(error)
            ):
                raise
            self.expectFailure(name, self.fail, str(error))
        self.expectFailure(name, lambda: None)

    def _leave(self) -> None:
        """Delete all servers, and fail where anything is still held afterwards.

        With ``[vhost]keep_failed_servers`` those of a test that failed stay.
        """
        if self.session.leave():
            BaseHostTest.kept = self.id()
            servers = ", ".join(self.session.asked)
            self.addDetail("servers that are kept", text_content(servers))

    def _note_failure(self, _: object) -> None:
        self.session.failed = True

    def _write_record(self) -> None:
        if CONF.vhost.results_dir:
            self.session.record.write(Path(CONF.vhost.results_dir), self.watch)

    def _attach_logs(self, _: object) -> None:
        """Keep the end of Nova's and libvirt's logs with a failure."""
        driver = self.site.deployment
        if driver is None:
            return
        for service, host in [
            ("nova-scheduler", None),
            *((service, name) for name in self.hosts for service in (NOVA_COMPUTE, LIBVIRT)),
        ]:
            try:
                lines = driver.log(service, host, _LOG_LINES)
            except VhostError as error:
                lines = (str(error),)
            title = f"{service} {host}.log" if host else f"{service}.log"
            self.addDetail(title, text_content("\n".join(lines)))

    def fail(self, msg: object = None) -> NoReturn:
        raise self.failureException(msg)


def _facts(error: AssertionError | StartError) -> tuple[str, ...]:
    """Why something failed, each reason by itself."""
    if isinstance(error, DisagreementError):
        return error.facts
    if isinstance(error, StartError):
        return ("\n".join((str(error), *error.lines)),)
    return (str(error),)
