# SPDX-License-Identifier: Apache-2.0
"""Lets faults happen to real hosts and labs, at random moments; exit code 1 if one was not healed.

Each fault follows from the seed and its number, so that ``--seed 7 --first 43 --faults 1`` repeats
one. Only root can: it makes namespaces, a file system and networks of its own.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.e2e import arena
from tests.e2e.faults import campaign, machine, nova_trees, subject

_INSIDE = "--inside"
MODULE = ("-P", "-m", "tests.e2e.faults")


def environment() -> dict[str, str]:
    """The variables with which Python finds this module, whatever the current directory is."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}


def main(argv: list[str]) -> int:
    """Run a campaign; 1 if something was wrong, 2 if it cannot be here."""
    arguments = _parser().parse_args(argv)
    if reason := arena.lacking():
        print(reason, file=sys.stderr)
        return 2
    if arguments.inside is None:
        with tempfile.TemporaryDirectory(prefix="vhost-faults-") as scratch, arena.opened() as own:
            trees = Path(scratch) / "trees"
            nova_trees.make(trees) if "lab" in arguments.subjects else trees.mkdir()
            words = [sys.executable, *MODULE, _INSIDE, str(trees), *argv]
            return subprocess.run([*own.prefix, *words], check=False, env=environment()).returncode
    os.environ.pop("PYTHONPATH", None)
    end_s = time.monotonic() + arguments.minutes * 60
    with arguments.output.open("a") as results, machine.made(arguments.inside) as own_machine:
        chosen = subject.all_of(own_machine)
        run = campaign.Campaign(
            own_machine, [chosen[name] for name in arguments.subjects], arguments.seed, _say
        )
        run.build()
        outcomes = []
        for number in range(arguments.first, arguments.first + arguments.faults):
            if time.monotonic() > end_s:
                break
            outcome = run.happen(number)
            outcomes.append(outcome)
            _say(_line(outcome))
            results.write(json.dumps(dataclasses.asdict(outcome)) + "\n")
            results.flush()
    print(campaign.table(outcomes))
    wrong = sum(bool(outcome.violations) for outcome in outcomes)
    print(f"{len(outcomes)} faults, {wrong} not healed")
    return 1 if wrong or not outcomes else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.e2e.faults", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--seed", type=int, default=1, help="decides all faults (default: 1)")
    parser.add_argument("--first", type=int, default=1, help="number of the first fault")
    parser.add_argument("--faults", type=int, default=1000, help="how many at most")
    parser.add_argument("--minutes", type=float, default=60.0, help="begin none after this time")
    parser.add_argument(
        "--subjects",
        nargs="+",
        choices=("host", "lab", "network", "image"),
        default=["host", "lab", "network", "image"],
        help="what they happen to (default: all)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("faults.jsonl"),
        help="outcomes, one JSON object a line; what is there is kept (default: faults.jsonl)",
    )
    parser.add_argument(_INSIDE, type=Path, help=argparse.SUPPRESS)
    return parser


def _line(outcome: campaign.Outcome) -> str:
    verdict = "WRONG" if outcome.violations else "hinted" if outcome.hints else "healed"
    details = "".join(f"\n      {line}" for line in (*outcome.hints, *outcome.violations))
    name = f"{outcome.number:4} {verdict:7} {outcome.took_s:5.1f} s  {outcome.subject}"
    return f"{name}: {outcome.fault}{details}"


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
