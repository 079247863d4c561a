# SPDX-License-Identifier: Apache-2.0
"""How the commands tell of a collection."""

from vhost_tempest_plugin.host.collect.collection import INDEX, Collection


def tell(collection: Collection) -> str:
    """How many pieces there are, what is not there, and where the list is."""
    missing = [piece for piece in collection.pieces if piece.size_bytes is None]
    had = len(collection.pieces) - len(missing)
    lines = [f"{piece.path}: {piece.missing}" for piece in missing]
    lines.append(f"{had} files, {len(missing)} not to be had: {collection.directory / INDEX}")
    return "\n".join(lines) + "\n"
