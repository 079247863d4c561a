# SPDX-License-Identifier: Apache-2.0
"""What the cloud and the hosts report of servers, and its comparison."""
