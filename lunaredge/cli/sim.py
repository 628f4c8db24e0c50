"""`lunaredge sim`: run the site in the seeded simulator, with faults, and judge each seed."""

import argparse
import hashlib
import sys
import time
from pathlib import Path

from lunaredge.cli import site_access
from lunaredge.cli.table import as_json
from lunaredge.errors import ConfigError
from lunaredge.examples import demo_site
from lunaredge.runtime.files.contact_file import load_contacts
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.order_file import load_order
from lunaredge.runtime.files.site_file import load_site
from lunaredge.sim.run import Outcome, run_seed
from lunaredge.sim.scenario import Scenario, standard, swap

SEEDS = 10
SEED_BASE = 1
STANDARD = "standard"
SWAP = "swap"
DEMO = "composite-ridge"

# A seed takes seconds; more than this is days of work, and a slip of the hand.
SEEDS_MAX = 100_000
# Once all is healed, a job of three virtual hours may take as long again and a planned outage.
WORK_S_MAX = 8 * 3_600.0


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.add_argument(
        "--seeds", type=int, metavar="N", help=f"how many seeds to run (default: {SEEDS})"
    )
    parser.add_argument(
        "--seed-base", type=int, metavar="B", help=f"the first of them (default: {SEED_BASE})"
    )
    parser.add_argument("--seed", type=int, metavar="S", help="run this seed alone")
    parser.add_argument("--trace", action="store_true", help="tell every event on stderr")
    parser.add_argument(
        "--scenario",
        default=STANDARD,
        metavar="NAME|FILE",
        help=f"{STANDARD}, {SWAP}, {DEMO}, or a site.toml (or its folder) with fleet.toml, "
        "order.yaml and contacts.json beside it",
    )
    site_access.add_json(parser)
    parser.epilog = "A failing seed prints the command that replays it, event by event."


def run(options: argparse.Namespace) -> int:
    """Run the seeds and print what came of them."""
    seeds = _seeds(options)
    scenario = _scenario(options.scenario)
    echo = _tell if options.trace else None
    begun_s = time.monotonic()
    outcomes = []
    for seed in seeds:
        outcome = run_seed(seed, scenario, echo=echo)
        outcomes.append(outcome)
        _tell(outcome.line())
        if not outcome.ok:
            _tell("\n".join([*outcome.last, f"replay: {_replay(seed, options.scenario)}"]))
    summary = _summary(outcomes, options.scenario, time.monotonic() - begun_s)
    print(as_json(summary) if options.json else _sentence(summary))
    return 0 if summary["passed"] == summary["seeds"] else 1


def _seeds(options: argparse.Namespace) -> range:
    """Give the seeds to run.

    Raises:
        ConfigError: what was asked for contradicts itself, or is too much.
    """
    if options.seed is not None:
        for key, value in (("--seeds", options.seeds), ("--seed-base", options.seed_base)):
            if value is not None:
                raise _wrong(key, value, "leave it out: --seed runs that seed alone")
        return range(options.seed, options.seed + 1)
    count = SEEDS if options.seeds is None else options.seeds
    if not 1 <= count <= SEEDS_MAX:
        raise _wrong("--seeds", count, f"give 1 to {SEEDS_MAX}")
    first = SEED_BASE if options.seed_base is None else options.seed_base
    return range(first, first + count)


def _summary(outcomes: list[Outcome], scenario: str, wall_s: float) -> dict[str, object]:
    digest = hashlib.sha256("".join(outcome.digest for outcome in outcomes).encode())
    return {
        "seeds": len(outcomes),
        "passed": sum(outcome.ok for outcome in outcomes),
        "failed": [
            {"seed": o.seed, "failure": o.failure, "replay": _replay(o.seed, scenario)}
            for o in outcomes
            if not o.ok
        ],
        "virtual_s": round(sum(outcome.virtual_s for outcome in outcomes), 3),
        "wall_s": round(wall_s, 3),
        "events": sum(outcome.events for outcome in outcomes),
        "digest": digest.hexdigest(),
    }


def _sentence(summary: dict[str, object]) -> str:
    failed = summary["failed"]
    assert isinstance(failed, list)
    lines = [
        f"{summary['passed']} of {summary['seeds']} seeds passed: {summary['virtual_s']:.0f} s "
        f"of virtual time in {summary['wall_s']:.0f} s, {summary['events']} events"
    ]
    lines += [f"seed {row['seed']}: {row['failure']}\n  {row['replay']}" for row in failed]
    return "\n".join(lines)


def _replay(seed: int, scenario: str) -> str:
    command = f"lunaredge sim --seed {seed} --trace"
    return command if scenario == STANDARD else f"{command} --scenario {scenario}"


def _scenario(name: str) -> Scenario:
    """Give the scenario of that name, or the one that lies beside that site file.

    Raises:
        ConfigError: there is none, or a file of it can't be used.
    """
    if name == STANDARD:
        return standard()
    if name == SWAP:
        return swap()
    path = demo_site() if name == DEMO else Path(name)
    path = path / "site.toml" if path.is_dir() else path
    if not path.is_file():
        known = f"{STANDARD}, {SWAP}, {DEMO}"
        raise _wrong("--scenario", name, f"use {known} or the path of a site.toml")
    site = load_site(path)
    contacts = load_contacts(path.with_name("contacts.json"))
    return Scenario(
        name=name,
        site=site,
        fleet=load_fleet(path.with_name("fleet.toml"), site),
        order=load_order(path.with_name("order.yaml")),
        plan=contacts.plan,
        start_ns=contacts.epoch_ns,
        work_s_max=WORK_S_MAX,
    )


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


def _wrong(key: str, value: object, remedy: str) -> ConfigError:
    return ConfigError(
        "can't be used", place="the command line", key=key, value=value, remedy=remedy
    )
