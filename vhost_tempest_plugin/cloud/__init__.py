# SPDX-License-Identifier: Apache-2.0
"""What a lab and a devstack share."""
