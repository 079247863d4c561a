# SPDX-License-Identifier: Apache-2.0
"""Whether this machine can run emulated hosts."""
