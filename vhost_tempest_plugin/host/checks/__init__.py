# SPDX-License-Identifier: Apache-2.0
"""What must be true of a running host."""
