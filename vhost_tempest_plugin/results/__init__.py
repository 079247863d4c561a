# SPDX-License-Identifier: Apache-2.0
"""What came of a run of tempest: read from its subunit stream, written for people and programs."""

from vhost_tempest_plugin.results.outcome import Outcome, Run, Verdict

__all__ = ["Outcome", "Run", "Verdict"]
