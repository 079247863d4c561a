# SPDX-License-Identifier: Apache-2.0
"""vhost image build, vhost image prune."""

import argparse
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from vhost_tempest_plugin.cli.output import Lister, ShowOne
from vhost_tempest_plugin.host import image, nested_guest, prune
from vhost_tempest_plugin.util import cache, progress


class Build(ShowOne):
    """Build the hosts' image and the nested guest if they are not in the cache.

    Damaged ones are built again. Existing hosts keep the image that they were made with.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--rebuild", action="store_true", help="build them even if they are in the cache"
        )
        return parser

    def take_action(self, arguments: argparse.Namespace) -> tuple[Sequence[str], Sequence[Any]]:
        news = progress.Lines()
        anew = arguments.rebuild
        made, small = image.build(news, anew=anew), nested_guest.build(news, anew=anew)
        facts = {
            "image": made.digest,
            "image disk": str(made.disk),
            "guest kernel": str(small.kernel),
            "guest initrd": str(small.initrd),
        }
        return tuple(facts), tuple(facts.values())


class Prune(Lister):
    """Remove old images and nested guests that no host of this user needs, and list them.

    Hosts of another XDG_STATE_HOME count only while they run.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--dry-run", action="store_true", help="only list what would be removed"
        )
        return parser

    def take_action(
        self, arguments: argparse.Namespace
    ) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
        removed = prune.prune(progress.Lines(), dry_run=arguments.dry_run)
        columns = tuple(field.name for field in dataclasses.fields(cache.Unused))
        return columns, [dataclasses.astuple(unused) for unused in removed]
