# SPDX-License-Identifier: Apache-2.0
"""Emulated NUMA/PCI hosts for testing OpenStack Nova's scheduling."""
