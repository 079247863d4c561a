# SPDX-License-Identifier: Apache-2.0
"""Emulated hosts that are compute hosts of a devstack on this machine, or of its controller."""
