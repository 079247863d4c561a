# SPDX-License-Identifier: Apache-2.0
"""What Nova is configured with, must do and was seen to do."""
