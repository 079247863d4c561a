# SPDX-License-Identifier: Apache-2.0
"""One emulated host: image, boot, life cycle, observation and checks."""
