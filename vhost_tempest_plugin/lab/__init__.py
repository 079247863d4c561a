# SPDX-License-Identifier: Apache-2.0
"""A complete OpenStack around an emulated host."""
