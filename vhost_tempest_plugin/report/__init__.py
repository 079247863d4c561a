# SPDX-License-Identifier: Apache-2.0
"""Pages and result files for people and for CI."""
