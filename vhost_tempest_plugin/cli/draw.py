# SPDX-License-Identifier: Apache-2.0
"""vhost draw."""

import argparse
import shutil
from pathlib import Path

from cliff.command import Command

from vhost_tempest_plugin.cli.arguments import TopologyText
from vhost_tempest_plugin.host import status
from vhost_tempest_plugin.host.checks.base import Subject
from vhost_tempest_plugin.host.observe import hwloc
from vhost_tempest_plugin.report import picture
from vhost_tempest_plugin.report.picture import PictureFormat
from vhost_tempest_plugin.topology import catalog
from vhost_tempest_plugin.topology.drawing import Drawing, draw

_NARROWEST, _WIDEST = 60, 100


class Draw(Command):
    """Draw a topology: nodes, CPUs, memory, expander buses, ports, NICs, IOMMU groups."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "topology",
            type=TopologyText,
            nargs="?",
            default=catalog.DEFAULT,
            help=f"a topology's name or file (default: {catalog.DEFAULT})",
        )
        parser.add_argument(
            "-o",
            "--output",
            type=Path,
            metavar="FILE",
            help="the file to write; its suffix is the format (default: text to the terminal)",
        )
        parser.add_argument(
            "--picture-format",
            type=str.lower,
            choices=[format_.value for format_ in PictureFormat],
            help="the format (default: the file's suffix, else txt)",
        )
        parser.add_argument(
            "--host",
            metavar="NAME",
            help="draw this running host as hwloc reports it, and its topology if they differ",
        )
        return parser

    def take_action(self, arguments: argparse.Namespace) -> None:
        output: Path | None = arguments.output
        if arguments.picture_format:
            format_ = PictureFormat(arguments.picture_format)
        else:
            format_ = PictureFormat.of(output) if output else PictureFormat.TXT
        if arguments.host:
            drawing = _observed(arguments.host)
        else:
            layout = catalog.find(arguments.topology)
            drawing = draw(layout.hardware(), title=layout.host.name)
        if output is None:
            columns = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size().columns))
            self.app.stdout.write(picture.text_of(drawing, format_, columns))
        else:
            picture.save(drawing, output, format_)


def _observed(name: str) -> Drawing:
    """A running host as hwloc reports it, and the part of its topology that hwloc can report."""
    layout = status.intended(name)
    with status.connected(name) as (record, connection):
        kernels = Subject(layout, record.accelerator, connection).observation.hardware
        reported = hwloc.read(connection.run(hwloc.COMMAND).stdout)
    intended = layout.hardware()
    return draw(
        hwloc.completed(hwloc.as_reported(intended), intended),
        hwloc.completed(reported, kernels),
        title=name,
    )
