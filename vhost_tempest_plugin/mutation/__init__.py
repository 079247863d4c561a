# SPDX-License-Identifier: Apache-2.0
"""Novas and hosts that are broken on purpose, to see whether the scenarios notice."""

from vhost_tempest_plugin.mutation.edit import Edit, mutated
from vhost_tempest_plugin.mutation.mutant import EVERY_TEST, HostMutant, Mutant, NovaMutant

__all__ = ["EVERY_TEST", "Edit", "HostMutant", "Mutant", "NovaMutant", "mutated"]
