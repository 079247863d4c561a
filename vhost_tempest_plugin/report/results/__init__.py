# SPDX-License-Identifier: Apache-2.0
"""What came of a run of tempest: read from its subunit stream, written for people and programs."""

from vhost_tempest_plugin.report.results.outcome import Run, TestOutcome, TestVerdict

__all__ = ["Run", "TestOutcome", "TestVerdict"]
