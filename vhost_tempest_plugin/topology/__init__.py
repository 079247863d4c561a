# SPDX-License-Identifier: Apache-2.0
"""Hardware as values: topology files, validation, layout and drawing."""
