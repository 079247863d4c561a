# SPDX-License-Identifier: Apache-2.0
"""The real devstack with this plugin, in a container of this machine."""
