# SPDX-License-Identifier: Apache-2.0
"""Emulated hosts that are compute nodes of a devstack on this machine, or of its controller."""
