# SPDX-License-Identifier: Apache-2.0
"""What the program costs, as ratios against a baseline in the same run."""
