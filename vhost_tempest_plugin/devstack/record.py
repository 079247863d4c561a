# SPDX-License-Identifier: Apache-2.0
"""What is remembered of a devstack's hosts, so that they are found again and can be removed."""

import dataclasses
from dataclasses import dataclass

from vhost_tempest_plugin.devstack.spec import DevstackSpec
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.util import json_record

_FORMAT = 4


@dataclass(frozen=True, slots=True)
class StackRecord:
    """The hosts of a devstack.

    :param spec: what was asked for
    :param accelerator: what they run with
    :param created: when, as ISO 8601 has it
    """

    spec: DevstackSpec
    accelerator: Accelerator
    created: str

    def with_assignments(self, assignments: tuple[str, ...]) -> "StackRecord":
        """The same with other options of nova-compute."""
        return dataclasses.replace(
            self, spec=dataclasses.replace(self.spec, assignments=assignments)
        )

    def dump(self) -> str:
        """The record as JSON."""
        return json_record.dump(self, _FORMAT)

    @classmethod
    def load(cls, text: str) -> "StackRecord":
        """Read what ``dump`` wrote.

        :raises ValueError: for anything else, saying what is wrong
        """
        return json_record.load(cls, text, _FORMAT)
