# SPDX-License-Identifier: Apache-2.0
"""The names of hosts, labs, devstacks and networks.

A name is a host name and the name of a libvirt domain or network, and with a suffix it still has
at most 63 characters.
"""

import re

LONGEST_CHARS = 40
PATTERN = f"[a-z](?:[a-z0-9-]{{0,{LONGEST_CHARS - 2}}}[a-z0-9])?"
RULE = f"at most {LONGEST_CHARS} small letters, digits and hyphens, a letter first, no hyphen last"

_NAME = re.compile(PATTERN, re.ASCII)


def is_name(text: str) -> bool:
    """Whether *text* can be a name."""
    return _NAME.fullmatch(text) is not None
