# SPDX-License-Identifier: Apache-2.0
"""The Python environment and the source of the OpenStack that a lab runs."""
