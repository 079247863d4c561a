# SPDX-License-Identifier: Apache-2.0
"""The interface to a deployment under test."""
