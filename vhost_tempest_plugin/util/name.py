# SPDX-License-Identifier: Apache-2.0
"""The names of hosts, labs, devstacks and networks.

A name is a host name and the name of a libvirt domain or network, and with a suffix it still has
at most 63 characters.
"""

import re

LONGEST_CHARS = 40
PATTERN = f"[a-z](?:[a-z0-9-]{{0,{LONGEST_CHARS - 2}}}[a-z0-9])?"

_NAME = re.compile(PATTERN, re.ASCII)


def is_name(text: str, longest_chars: int = LONGEST_CHARS) -> bool:
    """Whether *text* can be a name of at most *longest_chars*."""
    return len(text) <= longest_chars and _NAME.fullmatch(text) is not None


def rule(longest_chars: int = LONGEST_CHARS) -> str:
    """What a name is, for messages: ``at most 40 small letters ...``."""
    return (
        f"at most {longest_chars} small letters, digits and hyphens, a letter first, no hyphen last"
    )


RULE = rule()
