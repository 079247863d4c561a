# SPDX-License-Identifier: Apache-2.0
"""vhost image build."""

import argparse
from collections.abc import Sequence
from typing import Any

from cliff.show import ShowOne

from vhost_tempest_plugin import guest, image, progress


class Build(ShowOne):
    """Build the hosts' image and the nested guest, where they are not in the cache."""

    def take_action(self, arguments: argparse.Namespace) -> tuple[Sequence[str], Sequence[Any]]:
        news = progress.Lines()
        made, small = image.build(news), guest.build(news)
        facts = {
            "image": made.digest,
            "image disk": str(made.disk),
            "guest kernel": str(small.kernel),
            "guest initrd": str(small.initrd),
        }
        return tuple(facts), tuple(facts.values())
