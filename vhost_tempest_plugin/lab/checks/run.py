# SPDX-License-Identifier: Apache-2.0
"""Whether a lab is what it should be."""

from collections.abc import Sequence
from contextlib import suppress

from vhost_tempest_plugin.cloud.client.client import Cloud
from vhost_tempest_plugin.cloud.configuration.settings import Settings
from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.lab.checks.base import LAB, LabSubject
from vhost_tempest_plugin.util.progress import Progress, silent
from vhost_tempest_plugin.util.waiting import TimedOutError, wait_for

# Six times Nova's report_interval in a lab.
_REPORT_LIMIT_S = 30.0


def run(
    settings: Settings, names: Sequence[str] = (), progress: Progress = silent
) -> tuple[Finding, ...]:
    """What the checks *names*, by default all, find.

    :raises InputError: there is no check of such a name
    """
    with Cloud.open(settings) as cloud:
        return LAB.run_all(LabSubject(settings, cloud, progress), names)


def require(settings: Settings) -> None:
    """Return if every check passes, once Nova's services have had the time to report themselves.

    :raises HostError: with the first that does not
    """
    _await_reports(settings)
    for finding in run(settings):
        if finding.is_bad:
            raise HostError(
                f"the lab is not ready, {finding.check}: expected {finding.expected}, observed "
                f"{finding.observed}",
                hint=finding.hint,
            )


def _await_reports(settings: Settings) -> None:
    """Wait until all of Nova's services are up to it, for as long as that may take.

    What they reported before the lab was down is too old to count, and the next report of one
    that serves already is due within its interval.
    """
    with Cloud.open(settings) as cloud, suppress(TimedOutError):
        wait_for(
            lambda: all(service.is_up for service in cloud.services()),
            "the reports of Nova's services",
            _REPORT_LIMIT_S,
        )
