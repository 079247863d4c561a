# SPDX-License-Identifier: Apache-2.0
"""The pages' colours differ enough to read: WCAG 2, level AA."""

import re
import unittest
from collections.abc import Iterator
from pathlib import Path

from vhost_tempest_plugin import report

TEMPLATES = Path(report.__file__).parent / "templates"
TEXT, GRAPHICS = 4.5, 3.0


def luminance(colour: str) -> float:
    """Of ``#rrggbb`` or ``#rgb`` (WCAG 2.2, relative luminance)."""
    digits = colour.removeprefix("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """From 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def palettes() -> Iterator[dict[str, str]]:
    """The variables of light, dark and print."""
    text = (TEMPLATES / "page.html.j2").read_text()
    for block in re.findall(r":root \{(.*?)\}", text, flags=re.DOTALL):
        yield dict(re.findall(r"--(\w+): (#[0-9a-f]+)", block))


class ContrastTest(unittest.TestCase):
    def test_the_measure(self) -> None:
        self.assertAlmostEqual(21.0, contrast("#fff", "#000000"))
        self.assertAlmostEqual(4.54, contrast("#767676", "#ffffff"), places=2)

    def test_text(self) -> None:
        found = list(palettes())
        self.assertEqual(3, len(found))
        for palette in found:
            for name in ("ink", "soft", "link", "good", "bad", "odd"):
                for ground in ("paper", "panel"):
                    with self.subTest(palette=palette, name=name, ground=ground):
                        self.assertGreaterEqual(contrast(palette[name], palette[ground]), TEXT)
            for name in ("good", "bad"):
                self.assertGreaterEqual(contrast(palette[name], palette["on"]), TEXT)

    def test_servers(self) -> None:
        text = (TEMPLATES / "tests.html.j2").read_text()
        colours = re.findall(r"\.g\d \{ fill: (#[0-9a-f]+)", text)
        self.assertEqual(10, len(set(colours)))
        for colour in colours:
            self.assertGreaterEqual(contrast(colour, "#fff"), TEXT)

    def test_bars(self) -> None:
        text = (TEMPLATES / "tests.html.j2").read_text()
        colours = re.findall(r"\.k\d+ \{ background: (#[0-9a-f]+)", text)
        self.assertEqual(len(set(colours)), len(colours))
        for palette in palettes():
            for colour in colours:
                with self.subTest(colour=colour, panel=palette["panel"]):
                    self.assertGreaterEqual(contrast(colour, palette["panel"]), GRAPHICS)
