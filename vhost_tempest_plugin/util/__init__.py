# SPDX-License-Identifier: Apache-2.0
"""This machine underneath: processes, files, locks and waiting; knows nothing of the project."""
