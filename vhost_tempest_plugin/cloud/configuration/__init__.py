# SPDX-License-Identifier: Apache-2.0
"""What ends up in the files of a lab's services, computed from one description."""
