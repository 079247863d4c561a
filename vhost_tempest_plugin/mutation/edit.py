# SPDX-License-Identifier: Apache-2.0
"""A change of a few words in a file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vhost_tempest_plugin.errors import InputError


@dataclass(frozen=True, slots=True)
class Edit:
    """Words in a file of Nova's, and what is there in their place.

    :param path: from the top of the tree, as in ``nova/pci/stats.py``
    :param old: must be there exactly once
    """

    path: str
    old: str
    new: str

    def __post_init__(self) -> None:
        if not self.old or self.old == self.new:
            raise ValueError(f"an edit of {self.path} changes nothing")

    def applied(self, text: str) -> str:
        """The text of the file with the edit.

        :raises InputError: the words are not there, or more than once
        """
        count = text.count(self.old)
        if count != 1:
            raise InputError(
                f"{self.path} has {count} times {self.old.strip().splitlines()[0]!r}, not once",
                hint="write the mutant for this Nova",
            )
        return text.replace(self.old, self.new)


def mutated(files: Mapping[str, str], edits: Iterable[Edit]) -> Mapping[str, str]:
    """The texts of files with edits that are made one after the other; only of those changed.

    :param files: the texts by path; what the edits concern must be there
    :raises InputError: an edit does not fit
    """
    changed: dict[str, str] = {}
    for edit in edits:
        if edit.path not in files:
            raise InputError(f"there is no {edit.path}", hint="write the mutant for this Nova")
        changed[edit.path] = edit.applied(changed.get(edit.path, files[edit.path]))
    return changed
