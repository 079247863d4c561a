# SPDX-License-Identifier: Apache-2.0
"""Runs the tests against mutants of Nova and of hosts."""
