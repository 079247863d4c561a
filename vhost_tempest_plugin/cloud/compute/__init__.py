# SPDX-License-Identifier: Apache-2.0
"""nova-compute in an emulated host of any cloud."""
