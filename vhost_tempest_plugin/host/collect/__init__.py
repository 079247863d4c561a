# SPDX-License-Identifier: Apache-2.0
"""What there is to tell of a run, put into one directory, for who was not there to look."""
