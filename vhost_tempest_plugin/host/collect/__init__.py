# SPDX-License-Identifier: Apache-2.0
"""Collect logs, configuration and state into one directory, for offline debugging."""
