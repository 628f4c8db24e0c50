"""`lunaredge bench sim`: how much faster than the world the simulator runs, checkers included."""

import time

from lunaredge.cli.bench.row import BenchOptions, BenchRow
from lunaredge.errors import ConfigError, LunarEdgeError
from lunaredge.scheduler.solve import warm_up
from lunaredge.sim.measure import Ride, Rides, figures
from lunaredge.sim.options import Options, calm
from lunaredge.sim.run import Outcome, run_seed
from lunaredge.sim.scenario import Scenario, roomy, standard
from lunaredge.sim.scenarios.roomy import MACHINES

SECONDS = 20.0
BOUND = (
    "An hour of the standard site and to its end, every invariant checked after each event."
    " Bound by Python, spread evenly: agents, scheduler, machines and the network a sixth each."
    " No peer runs these nodes"
)
ROOM = "From the ground truth; alone is the same ride with nobody else on the site"


def rows(options: BenchOptions) -> list[BenchRow]:
    """Measure, and give the rows."""
    if options.data is not None:
        raise ConfigError(
            "other scenarios come with a later release",
            place="lunaredge bench sim",
            key="--data",
            value=options.data,
            remedy="leave it out",
        )
    # Compiling is no part of the speed.
    warm_up()
    seconds = options.seconds or SECONDS
    return [
        *_case("calm", calm(), seconds / 2),
        *_case("faults as drawn", None, seconds / 2),
        *_authority_rows(),
    ]


def _case(case: str, chosen: Options | None, seconds: float) -> list[BenchRow]:
    """Run seeds from 1 on for so long, one at least."""
    start_s, start_cpu_s, virtual_s, events, seed = time.monotonic(), time.process_time(), 0.0, 0, 0
    while seed == 0 or time.monotonic() - start_s < seconds:
        seed += 1
        outcome = _passed(run_seed(seed, standard(), chosen))
        virtual_s += outcome.virtual_s
        events += outcome.events
    wall_s, cpu_s = time.monotonic() - start_s, time.process_time() - start_cpu_s
    note = f"{seed} run{'s' * (seed > 1)}, {virtual_s:.0f} s of the site. {BOUND}"
    rows = (
        ("speed_x", "site s / wall s", virtual_s / wall_s),
        ("speed_cpu_x", "site s / processor s", virtual_s / cpu_s),
        ("events_per_cpu_s", "1/s", events / cpu_s),
    )
    return [
        BenchRow(case=case, metric=metric, unit=unit, ours=figure, note=note)
        for metric, unit, figure in rows
    ]


def _authority_rows() -> list[BenchRow]:
    """Drive twelve machines with room for all, and each of them alone."""
    alone = [ride for lane in range(MACHINES) for ride in _rides(roomy([lane]))]
    return [
        BenchRow(
            case="twelve machines with room",
            metric=figure.metric,
            unit=figure.unit,
            ours=figure.value,
            note=ROOM,
        )
        for figure in figures(_rides(roomy()), alone)
    ]


def _rides(scenario: Scenario) -> list[Ride]:
    rides = Rides()
    _passed(run_seed(1, scenario, calm(), onlooker=rides))
    return rides.done


def _passed(outcome: Outcome) -> Outcome:
    if not outcome.ok:
        raise LunarEdgeError(f"the simulator found a fault, which comes first: {outcome.line()}")
    return outcome
