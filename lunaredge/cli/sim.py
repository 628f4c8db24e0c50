"""`lunaredge sim`: the very classes that run in production, on a virtual clock, with faults."""

import argparse
import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lunaredge.cli.table import as_json
from lunaredge.errors import ConfigError
from lunaredge.runtime.files.contact_file import load_contacts
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.order_file import load_order
from lunaredge.runtime.files.site_file import load_site
from lunaredge.sim.run import Outcome, run_seed
from lunaredge.sim.scenario import Scenario, standard

SEEDS_DEFAULT = 5
# A seed takes ten seconds; more than this is a week's campaign, and a slip of the hand.
SEEDS_MAX = 100_000
# Past what the longest order of a folder may take, with everything healed.
WORK_S_MAX = 12 * 3600.0


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.add_argument("--seeds", type=int, default=SEEDS_DEFAULT, metavar="N", help="how many")
    parser.add_argument("--seed-base", type=int, default=1, metavar="B", help="the first (1)")
    parser.add_argument("--seed", type=int, metavar="S", help="run this one seed only")
    parser.add_argument("--trace", action="store_true", help="with --seed: print every event")
    parser.add_argument(
        "--scenario",
        default="standard",
        metavar="NAME|DIR",
        help="standard, or a folder with site.toml, fleet.toml, order.yaml and contacts.json",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for scripts")
    parser.epilog = "A failing seed prints the command that replays it, event by event."


def run(options: argparse.Namespace) -> int:
    """Run seeds and print what came of them."""
    if not 1 <= options.seeds <= SEEDS_MAX or options.seed_base < 0:
        raise ConfigError(
            "can't be run",
            place="lunaredge sim",
            key="--seeds",
            value=options.seeds,
            remedy=f"give 1 to {SEEDS_MAX} seeds from a base of 0 or more",
        )
    scenario = _scenario(options.scenario)
    first, count = options.seed_base, options.seeds
    if options.seed is not None:
        first, count = options.seed, 1
    echo: Callable[[str], None] | None = None
    if options.trace:
        echo = _say if options.json else print
    begun_s = time.monotonic()
    outcomes = [_run_one(first + i, scenario, echo, options.scenario) for i in range(count)]
    summary = _summary(outcomes, time.monotonic() - begun_s)
    if options.json:
        print(as_json(summary))
    else:
        print(f"{summary['passed']} of {count} seeds passed, digest {summary['digest']}")
    return 0 if summary["passed"] == count else 1


def _run_one(
    seed: int, scenario: Scenario, echo: Callable[[str], None] | None, name: str
) -> Outcome:
    outcome = run_seed(seed, scenario, echo=echo)
    _say(outcome.line())
    if not outcome.ok:
        for line in outcome.last:
            _say(f"  {line}")
        _say(f"  replay: lunaredge sim --scenario {name} --seed {seed} --trace")
    return outcome


def _summary(outcomes: list[Outcome], wall_s: float) -> dict[str, object]:
    together = hashlib.sha256("".join(outcome.digest for outcome in outcomes).encode())
    return {
        "seeds": len(outcomes),
        "passed": sum(outcome.ok for outcome in outcomes),
        "failed": [
            {"seed": outcome.seed, "failure": outcome.failure}
            for outcome in outcomes
            if not outcome.ok
        ],
        "virtual_s": round(sum(outcome.virtual_s for outcome in outcomes), 1),
        "wall_s": round(wall_s, 1),
        "events": sum(outcome.events for outcome in outcomes),
        "digest": together.hexdigest(),
    }


def _scenario(name: str) -> Scenario:
    if name == "standard":
        return standard()
    folder = Path(name)
    site = load_site(folder / "site.toml")
    contacts = load_contacts(folder / "contacts.json")
    return Scenario(
        name=site.name,
        site=site,
        fleet=load_fleet(folder / "fleet.toml", site),
        order=load_order(folder / "order.yaml"),
        plan=contacts.plan,
        start_ns=contacts.epoch_ns,
        work_s_max=WORK_S_MAX,
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
