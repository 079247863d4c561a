# SPDX-License-Identifier: Apache-2.0
"""The commands of ``vhost stack``, one a module."""
