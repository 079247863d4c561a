# SPDX-License-Identifier: Apache-2.0
"""The one client of the OpenStack APIs."""
