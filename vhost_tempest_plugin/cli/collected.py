# SPDX-License-Identifier: Apache-2.0
"""What the commands print about a collection."""

from vhost_tempest_plugin.host.collect.collection import INDEX, Collection


def summary(collection: Collection) -> str:
    """How many pieces there are, what was unavailable, and where the list is."""
    missing = [piece for piece in collection.pieces if piece.size_bytes is None]
    had = len(collection.pieces) - len(missing)
    lines = [f"{piece.path}: {piece.missing}" for piece in missing]
    lines.append(f"{had} files, {len(missing)} not to be had: {collection.directory / INDEX}")
    return "\n".join(lines) + "\n"
