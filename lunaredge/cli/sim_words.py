"""The options of `lunaredge sim`: what they are called, and which of them clash."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from lunaredge.cli import site_access
from lunaredge.cli.named_file import named_file, named_folder
from lunaredge.cli.numbers import number, whole
from lunaredge.cli.sim_scenario import DEMO, STANDARD
from lunaredge.errors import ConfigError
from lunaredge.runtime.files.route_output import check_target
from lunaredge.sim.exhaustive import DEPTH, DEPTH_MAX
from lunaredge.sim.limits import STEADY, Limits
from lunaredge.sim.scenario import SCENARIOS

SEEDS = 10
CAMPAIGN = ".campaign"
# Seeds, and virtual hours of each.
CAMPAIGN_PARTS = ((4_000, 1.0), (100, 24.0))
SEED_BASE = 1
# A seed takes seconds; more than this is days of work, and a slip of the hand.
SEEDS_MAX = 100_000
# Fifteen digits, so that it can be typed again as it was printed.
SEED_MAX = 10**15 - 1
# More processes than any machine that this was tried on has cores.
JOBS_MAX = 256
# The standard scenario's contact plan ends after two days, the work after the faults included.
HOURS_MAX = 40.0
SECONDS_MAX = 7 * 86_400.0
SHRINK_S = 60.0
SHRINK_S_MAX = 86_400.0
# Strikes of a day, with room: a longer list is no list that a person typed.
ONLY_MAX = 100_000
NONE = "none"

T = TypeVar("T")

ABOUT = """\
Each seed draws what goes wrong. First the safety phase: everything may fail,
and no invariant may break. Then all is healed: the job must be done in time.

  lunaredge sim --seeds 1000 --jobs 2      a thousand seeds on two cores
  lunaredge sim --seed 7 --trace           play one again, event by event
  lunaredge sim --seed 7 --plot seed7.png  draw its site as it was at the end
  lunaredge sim --seconds 150              seeds until the time is up

A seed that fails is one line with the command that replays it. The first of
each broken invariant is shrunk: played again with fewer faults, in calmer
weather and with a shorter safety phase, as long as the same invariant breaks.
What is left is shown with the command that plays exactly that:

  lunaredge sim --seed 7 --only 3,9 --until 412 --without loss,drift --trace

--campaign keeps results as they come, in one file for each version of the
source, and goes on after Ctrl-C, a kill or a power cut where it was.

Ctrl-C ends it with the summary of the seeds so far. The same seed is the same
run on the same source, whatever --jobs is. docs/reference/sim.md has the JSON.

exit codes: 0 every seed passed, 1 one did not, 2 bad input or usage,
3 a needed part is missing, 130 interrupted
"""

# What says something about seeds has no meaning without them. By name, and as it is when not given.
_OF_SEEDS: dict[str, object] = {
    **dict.fromkeys(("seeds", "seed_base", "seed", "hours", "only", "until", "without")),
    **dict.fromkeys(("campaign", "plot")),
    "trace": False,
    "jobs": 1,
    "scenario": STANDARD,
    "shrink": SHRINK_S,
}
# What says something about one run has no meaning for several.
_OF_ONE_SEED = ("trace", "only", "plot")


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = ABOUT
    _add_seeds(parser)
    _add_limits(parser)
    parser.add_argument(
        "--scenario",
        default=STANDARD,
        metavar="NAME|FILE",
        help=f"{', '.join(SCENARIOS)}, {DEMO}, or a site.toml (or its folder) with fleet.toml, "
        "order.yaml and contacts.json beside it",
    )
    parser.add_argument(
        "--shrink",
        type=number(f"give 0 to {SHRINK_S_MAX:g}"),
        metavar="S",
        default=SHRINK_S,
        help="make a failing run small for so long at most; 0: don't (default: 60)",
    )
    parser.add_argument("--trace", action="store_true", help="tell every event on stderr")
    parser.add_argument(
        "--campaign",
        nargs="?",
        type=named_folder,
        const=Path(CAMPAIGN),
        metavar="FOLDER",
        help="keep each finished seed there and skip those that are; without --seeds and --hours "
        f"4,000 seeds of 1 hour and 100 of 24 (default: {CAMPAIGN})",
    )
    parser.add_argument(
        "--plot",
        type=named_file,
        metavar="FILE",
        help="draw the site at the violation, or at the end",
    )
    _add_scope(parser)
    site_access.add_json(parser)


def _add_scope(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--exhaustive",
        action="store_true",
        help="instead of seeds: two machines, a scheduler and a rival, and every interleaving",
    )
    parser.add_argument(
        "--depth",
        type=whole(f"give 1 to {DEPTH_MAX}"),
        metavar="N",
        help=f"of so many steps, 1 to {DEPTH_MAX} (default: {DEPTH})",
    )


def _add_seeds(parser: argparse.ArgumentParser) -> None:
    seed = whole(f"give 0 to {SEED_MAX}")
    parser.add_argument(
        "--seeds",
        type=whole(f"give 1 to {SEEDS_MAX}"),
        metavar="N",
        help=f"how many seeds to run (default: {SEEDS})",
    )
    parser.add_argument(
        "--seconds",
        type=number(_above_0(SECONDS_MAX)),
        metavar="S",
        help="or run seeds until so much time has passed",
    )
    parser.add_argument(
        "--seed-base", type=seed, metavar="B", help=f"the first of them (default: {SEED_BASE})"
    )
    parser.add_argument("--seed", type=seed, metavar="S", help="run this seed alone")
    parser.add_argument(
        "--jobs",
        type=whole(f"give 1 to {JOBS_MAX}"),
        metavar="N",
        default=1,
        help="in so many processes (default: 1)",
    )


def _add_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--hours",
        type=number(_above_0(HOURS_MAX)),
        metavar="H",
        help="virtual hours of faults (default: drawn)",
    )
    parser.add_argument(
        "--only", metavar="N,N", help=f"of the faults let only these strike; {NONE}: no fault"
    )
    parser.add_argument(
        "--until",
        type=number(f"give 0 to {HOURS_MAX * 3_600.0:g}"),
        metavar="S",
        help="end the safety phase at that virtual second",
    )
    parser.add_argument(
        "--without", metavar="NAME,NAME", help=f"leave out, all through: {', '.join(STEADY)}"
    )


def check(options: argparse.Namespace) -> None:
    """Check what was asked for, before anything is run.

    Raises:
        ConfigError: it contradicts itself, or is too much.
    """
    _check_scope(options)
    if options.seed is not None:
        for key in ("--seeds", "--seed-base", "--seconds"):
            value = getattr(options, key[2:].replace("-", "_"))
            if value is not None:
                raise wrong(key, value, "leave it out: --seed runs that seed alone")
    else:
        for name in _OF_ONE_SEED:
            value = getattr(options, name)
            if value:
                raise wrong(f"--{name}", value, "it is for one run: name that with --seed")
    if options.campaign is not None:
        for key in ("--seed", "--seconds", "--until", "--without"):
            value = getattr(options, key[2:])
            if value is not None:
                raise wrong(key, value, "leave it out: --campaign runs a fixed set of seeds whole")
    if options.seconds is not None and options.seeds is not None:
        raise wrong("--seconds", options.seconds, "leave it out, or leave out --seeds")
    _check_range(options, "seed", 0, SEED_MAX)
    _check_range(options, "seed_base", 0, SEED_MAX)
    _check_range(options, "seeds", 1, SEEDS_MAX)
    _check_range(options, "jobs", 1, JOBS_MAX)
    _check_above_0(options, "seconds", SECONDS_MAX)
    _check_range(options, "shrink", 0.0, SHRINK_S_MAX)
    _check_above_0(options, "hours", HOURS_MAX)
    _check_range(options, "until", 0.0, HOURS_MAX * 3_600.0)
    if options.plot is not None:
        check_target(options.plot, (".png",))


def _check_scope(options: argparse.Namespace) -> None:
    if not options.exhaustive:
        if options.depth is not None:
            raise wrong("--depth", options.depth, "give it with --exhaustive")
        return
    for name, ungiven in _OF_SEEDS.items():
        value = getattr(options, name)
        if value != ungiven:
            key = f"--{name.replace('_', '-')}"
            raise wrong(key, value, "leave it out: --exhaustive runs no seeds")
    options.depth = DEPTH if options.depth is None else options.depth
    _check_range(options, "depth", 1, DEPTH_MAX)


def limits_of(options: argparse.Namespace) -> Limits:
    """Give what of a seed's mishaps is to be let happen.

    Raises:
        ConfigError: a list can't be read, or names what there is not.
    """
    return Limits(
        only=None if options.only is None else _numbers(options.only),
        until_s=options.until,
        without=() if options.without is None else _names(options.without),
    )


def words_of(limits: Limits) -> list[str]:
    """Give the options that stand for the limits."""
    words: list[str] = []
    if limits.only is not None:
        words += ["--only", ",".join(map(str, limits.only)) or NONE]
    if limits.until_s is not None:
        words += ["--until", f"{limits.until_s:.12g}"]
    if limits.without:
        words += ["--without", ",".join(limits.without)]
    return words


def wrong(key: str, value: object, remedy: str) -> ConfigError:
    """Give the error of an option that can't be used."""
    if value is True:
        # A flag has no value: what was typed is the flag.
        key, value = "the command line", key
    given = str(value) if isinstance(value, Path) else value
    return ConfigError("can't be used", place="lunaredge sim", key=key, value=given, remedy=remedy)


def _check_range(options: argparse.Namespace, name: str, low: float, high: float) -> None:
    value = getattr(options, name)
    if value is not None and not low <= value <= high:
        raise wrong(f"--{name.replace('_', '-')}", value, f"give {low:.15g} to {high:.15g}")


def _check_above_0(options: argparse.Namespace, name: str, high: float) -> None:
    value = getattr(options, name)
    if value is not None and not 0.0 < value <= high:
        raise wrong(f"--{name}", value, _above_0(high))


def _above_0(high: float) -> str:
    return f"give more than 0, up to {high:g}"


def _numbers(text: str) -> tuple[int, ...]:
    if text == NONE:
        return ()
    return tuple(sorted(set(_parts("--only", text, _number, f"numbers from 1, or {NONE}"))))


def _number(word: str) -> int | None:
    return int(word) if word.isascii() and word.isdigit() and 1 <= int(word) <= ONLY_MAX else None


def _names(text: str) -> tuple[str, ...]:
    known = ", ".join(STEADY)
    names = _parts("--without", text, lambda word: word if word in STEADY else None, known)
    return tuple(dict.fromkeys(names))


def _parts(key: str, text: str, read: Callable[[str], T | None], remedy: str) -> list[T]:
    """Read a list of words between commas."""
    found = []
    for word in text.split(","):
        value = read(word.strip())
        if value is None:
            raise wrong(key, word, f"give {remedy}, with commas between them")
        found.append(value)
    return found
