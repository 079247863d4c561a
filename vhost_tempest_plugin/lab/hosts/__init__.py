# SPDX-License-Identifier: Apache-2.0
"""The emulated hosts of a lab and nova-compute in them."""
