# SPDX-License-Identifier: Apache-2.0
"""The OpenStack APIs as scenarios use them."""
