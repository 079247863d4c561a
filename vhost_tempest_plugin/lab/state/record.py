# SPDX-License-Identifier: Apache-2.0
"""What is remembered of a lab, so that it is found again and can be removed."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vhost_tempest_plugin.cloud.configuration.settings import Override, Ports, Secrets
from vhost_tempest_plugin.hypervisor.domain.accelerator import Accelerator
from vhost_tempest_plugin.util import json_record

_FORMAT = 2


class LabPhase(StrEnum):
    """Where a lab is in its life, as far as the last command got."""

    STARTING = "starting"
    READY = "ready"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class LabRecord:
    """A lab; the record has its secrets, so its file is the user's alone.

    :param hosts: the names of its emulated hosts
    :param environment: the virtual environment that it runs
    :param nova: the Nova working tree under test, None for the release's own
    """

    name: str
    topology: str
    release: str
    environment: Path
    hosts: tuple[str, ...]
    accelerator: Accelerator
    created: str
    ports: Ports
    secrets: Secrets
    nova: Path | None = None
    phase: LabPhase = LabPhase.STARTING
    overrides: tuple[Override, ...] = ()

    def dump(self) -> str:
        """The record as JSON."""
        return json_record.dump(self, _FORMAT)

    @classmethod
    def load(cls, text: str) -> "LabRecord":
        """Read what ``dump`` wrote.

        :raises ValueError: for anything else, saying what is wrong
        """
        return json_record.load(cls, text, _FORMAT)
