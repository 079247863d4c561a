# SPDX-License-Identifier: Apache-2.0
"""Faults at random moments of real commands: ``python -m tests.e2e.faults --help``."""
