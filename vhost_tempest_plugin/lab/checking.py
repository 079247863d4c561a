# SPDX-License-Identifier: Apache-2.0
"""Whether a lab is what it should be."""

from collections.abc import Sequence

from vhost_tempest_plugin.configuration.settings import Settings
from vhost_tempest_plugin.errors import HostError
from vhost_tempest_plugin.finding import Finding, Verdict
from vhost_tempest_plugin.lab.checks.base import LAB, LabSubject
from vhost_tempest_plugin.lab.cloud import Cloud
from vhost_tempest_plugin.progress import Progress, silent


def run(
    settings: Settings, names: Sequence[str] = (), progress: Progress = silent
) -> tuple[Finding, ...]:
    """What the checks *names*, by default all, find.

    :raises InputError: there is no check of such a name
    """
    with Cloud.open(settings) as cloud:
        return LAB.run_all(LabSubject(settings, cloud, progress), names)


def require(settings: Settings) -> None:
    """Return if every check passes.

    :raises HostError: with the first that does not
    """
    for finding in run(settings):
        if finding.verdict is Verdict.FAILED:
            raise HostError(
                f"the lab is not ready, {finding.check}: expected {finding.expected}, observed "
                f"{finding.observed}; {finding.remedy}"
            )
