# SPDX-License-Identifier: Apache-2.0
"""The servers that scenarios ask for."""
