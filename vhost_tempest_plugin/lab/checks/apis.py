# SPDX-License-Identifier: Apache-2.0
"""apis: every service's API answers the administrator."""

from collections.abc import Callable

from vhost_tempest_plugin.cloud.client.resources import CloudError
from vhost_tempest_plugin.cloud.configuration.service import Service
from vhost_tempest_plugin.host.checks.finding import Finding
from vhost_tempest_plugin.lab.checks.base import LabCheck, LabSubject


class Apis(LabCheck):
    """A question to each that it answers from its database, with a token of keystone's."""

    name = "apis"

    def run(self, subject: LabSubject) -> Finding:
        """Ask each."""
        cloud = subject.cloud
        questions: dict[Service, Callable[[], object]] = {
            Service.NOVA_API: cloud.flavors,
            Service.GLANCE: cloud.images,
            Service.PLACEMENT: cloud.placement.providers,
            Service.NEUTRON: cloud.networks,
        }
        said = {service: _answer(ask) for service, ask in questions.items()}
        return self.compare(
            {service.value: "an answer" for service in questions},
            {service.value: answer for service, answer in said.items()},
            f"{subject.logs()} shows why; {subject.again}",
        )


def _answer(ask: Callable[[], object]) -> str:
    try:
        ask()
    except CloudError as error:
        return error.fact
    return "an answer"
