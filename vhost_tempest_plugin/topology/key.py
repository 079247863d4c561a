# SPDX-License-Identifier: Apache-2.0
"""Where something is in a topology: the keys and indexes that lead there from the top."""

Key = tuple[str | int, ...]


def spelled(key: Key) -> str:
    """As ``nodes[0].devices[1].model``."""
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key)
    return words.removeprefix(".")
