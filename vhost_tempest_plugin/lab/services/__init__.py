# SPDX-License-Identifier: Apache-2.0
"""The services of a lab and the supervisor that runs them."""
