"""Power-cut rounds on a node's spool, or on the archive of telemetry.

    python -m tests.runtime.power.campaign --rounds 100
    python -m tests.runtime.power.campaign --of archive

A seed is one store, for ten rounds: in each it lives from what the last cut left, its files are
recorded, and the power is cut in several places of that life. Every image is judged; the last one
is what the next round begins with. Prints a line of JSON; a round that fails is told with its seed
and its place, and ends its seed; the exit code is then 1. It is 3 where this Python's SQLite can't
be recorded.
"""

import argparse
import json
import logging
import sys
import tempfile
from collections import Counter
from pathlib import Path

from lunaredge.errors import LunarEdgeError
from tests.runtime.power.archive_chain import ArchiveChain
from tests.runtime.power.chain import Chain
from tests.runtime.power.spool_chain import SpoolChain
from tests.runtime.power.vfs import SqliteRecorder

ROUNDS_PER_SEED = 10
CHAINS: dict[str, type[Chain]] = {"spool": SpoolChain, "archive": ArchiveChain}


def rounds(options: argparse.Namespace, recorder: SqliteRecorder) -> Counter[str]:
    """Run the rounds asked for; count failed ones."""
    total: Counter[str] = Counter(rounds=0, failed=0)
    seed = options.seed_base
    while total["rounds"] < options.rounds:
        with tempfile.TemporaryDirectory(prefix="lunaredge-power-") as folder:
            chain = CHAINS[options.of](options, seed, Path(folder))
            numbers = range(min(ROUNDS_PER_SEED, options.rounds - total["rounds"]))
            failed = not _is_through(chain, seed, numbers, recorder)
        total.update(chain.total)
        # A chain that broke has no next round: its others count as run.
        total["rounds"] += len(numbers) - chain.total["rounds"]
        total["failed"] += failed
        seed += 1
    return total


def _is_through(chain: Chain, seed: int, numbers: range, recorder: SqliteRecorder) -> bool:
    for number in numbers:
        try:
            chain.round(number, recorder)
        except (AssertionError, LunarEdgeError) as exc:
            again = f"--of {chain.name} --seed-base {seed} --rounds {number + 1}"
            sys.stderr.write(f"FAILED seed={seed} round={number} {chain.place}: {exc}\n")
            sys.stderr.write(f"  again: python -m tests.runtime.power.campaign {again}\n")
            return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--of", choices=sorted(CHAINS), default="spool")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed-base", type=int, default=1)
    parser.add_argument("--synchronous", choices=("full", "normal", "off"), default="full")
    parser.add_argument("--ignore-syncs", action="store_true", help="forget that anything synced")
    options = parser.parse_args()
    logging.getLogger("lunaredge").setLevel(logging.CRITICAL)
    try:
        recorder = SqliteRecorder()
    except OSError as exc:
        sys.stderr.write(f"{exc}; use a Python that is linked with the system's SQLite\n")
        return 3
    total = rounds(options, recorder)
    sys.stdout.write(json.dumps({key: total[key] for key in sorted(total)}) + "\n")
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
