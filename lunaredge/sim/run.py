"""One run of one seed: draw, break things, heal, and say what came of it.

First the safety phase, with faults on and every checker watching. Then everything is healed, and
within a bound of virtual time the job must be done, everything archived and both brokers quiet:
that is liveness. Any exception that leaves a node is a failure as well.
"""

import traceback
from collections.abc import Callable

import msgspec

from lunaredge.ids import KeyId
from lunaredge.sim.attacker import Attacker
from lunaredge.sim.checkers.checker import Verdict, Violation
from lunaredge.sim.faults import Faults
from lunaredge.sim.network import Network
from lunaredge.sim.options import Options, draw, healed
from lunaredge.sim.people import Approver, Busybody, Person, Temper, Terminal
from lunaredge.sim.rng import Streams
from lunaredge.sim.scenario import OPERATOR, Scenario, with_batteries
from lunaredge.sim.simulation import Simulation
from lunaredge.sim.trace import Trace
from lunaredge.units import NS_PER_S, ns_from_s, s_from_ns
from lunaredge.wire import messages

# How often the run looks whether it is finished, and whether a checker has found something.
LOOK_NS = NS_PER_S
# A run of this many events is one that spins; an honest one has a tenth.
EVENTS_MAX = 5_000_000


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run."""

    seed: int
    ok: bool
    digest: str
    events: int
    virtual_s: float
    faults: int
    attacks: int
    interventions: int
    separation_m_min: float
    invariants: dict[str, Verdict]
    failure: str = ""
    """The violated invariant and how, or the exception; empty when all is well."""
    last: list[str] = []
    """The last events before the failure."""

    def line(self) -> str:
        """Give the one line that people and scripts read."""
        if self.ok:
            return f"PASSED seed={self.seed} events={self.events} digest={self.digest[:16]}"
        return f"FAILED seed={self.seed} events={self.events} {self.failure}"


def run_seed(
    seed: int,
    scenario: Scenario,
    options: Options | None = None,
    echo: Callable[[str], None] | None = None,
) -> Outcome:
    """Run one seed to its end; options other than the seed's own are for tests."""
    streams = Streams(seed)
    drawn = draw(streams.stream("options")) if options is None else options
    trace = Trace(scenario.start_ns, echo)
    trace.log(scenario.start_ns, "options", str(drawn))
    if drawn.tight_batteries:
        scenario = with_batteries(scenario, scenario.battery_ratio_min)
    return _Run(seed, scenario, drawn, streams, trace).outcome()


class _Run:
    def __init__(
        self, seed: int, scenario: Scenario, options: Options, streams: Streams, trace: Trace
    ) -> None:
        self.seed = seed
        self.scenario = scenario
        self.options = options
        self.streams = streams
        self.trace = trace
        self.sim = Simulation(scenario, options, streams, trace)
        self.faults = Faults(self.sim, options.faults, streams)
        rng = streams.stream("attacker")
        self.attacker = Attacker(self.sim, rng, options.faults.inject_s)
        self.sim.taps.append(self.attacker.overhear)
        self.operator = Person("operator-sim", self._terminal(self.sim.site_net))
        self.approver = Approver(
            "operator-earth",
            self._terminal(self.sim.earth_net),
            streams.stream("approver"),
            ns_from_s(options.approve_s_max),
        )

        self.busybody = Busybody(
            "operator-shift",
            self._terminal(self.sim.site_net),
            streams.stream("busybody"),
            (self.sim.field.world.names, tuple(task.id for task in scenario.order.tasks)),
            Temper(
                interfere_s=options.faults.interfere_s,
                cancel_s=options.faults.cancel_s,
                haste_ratio=options.faults.haste_ratio,
            ),
        )

    def outcome(self) -> Outcome:
        """Run, and judge."""
        failure = ""
        try:
            violation = self._live()
        except Exception as exc:
            where = traceback.extract_tb(exc.__traceback__)[-1]
            failure = f"crash: {type(exc).__name__}: {exc} ({where.name}:{where.lineno})"
        else:
            if violation is not None:
                failure = f"{violation.invariant}: {violation.text}"
        sim = self.sim
        return Outcome(
            seed=self.seed,
            ok=not failure,
            digest=self.trace.digest(),
            events=sim.timeline.count,
            virtual_s=s_from_ns(sim.timeline.now_ns - self.scenario.start_ns),
            faults=self.faults.count,
            attacks=self.attacker.count,
            interventions=self.busybody.count,
            separation_m_min=sim.jury.separation.separation_m_min,
            invariants=sim.jury.report(),
            failure=failure,
            last=self.trace.last() if failure else [],
        )

    # --- phases ---------------------------------------------------------------------------------

    def _live(self) -> Violation | None:
        """Go through the phases; give the first violation."""
        sim = self.sim
        sim.begin()
        self.operator.sit_down()
        self.approver.sit_down()
        self.busybody.sit_down()
        self._submit()
        self.faults.begin()
        self.attacker.begin()
        self.busybody.begin()
        if violation := self._run_for(self.options.safety_s, lambda: False):
            return violation
        self._heal()
        if violation := self._run_for(self.scenario.work_s_max, self._finished):
            return violation
        if not self._finished():
            return self._unfinished()
        sim.field.heaps()
        sim.replay()
        sim.jury.finish(sim.timeline.now_ns)
        return sim.jury.verdict()

    def _submit(self) -> None:
        submit_s = self.streams.stream("operator").uniform(0.0, self.options.submit_s_max)
        job = messages.Submit(request="job", order=self.scenario.order)
        self.sim.timeline.after(ns_from_s(submit_s), lambda: self.operator.ask(job))

    def _heal(self) -> None:
        sim = self.sim
        self.trace.log(sim.timeline.now_ns, "run", "everything is healed")
        self.attacker.end()
        self.busybody.end()
        self.faults.end()
        for network in sim.networks:
            network.options = healed(network.options)
        sim.heal()

    def _run_for(self, duration_s: float, finished: Callable[[], bool]) -> Violation | None:
        timeline = self.sim.timeline
        end_ns = timeline.now_ns + ns_from_s(duration_s)
        look_ns = timeline.now_ns
        # The field's clockwork never stops, so there is always a next step.
        while timeline.now_ns < end_ns and timeline.step():
            assert timeline.count < EVENTS_MAX, "the run spins"
            violation = self.sim.jury.verdict()
            if violation is not None:
                return violation
            if timeline.now_ns >= look_ns:
                look_ns = timeline.now_ns + LOOK_NS
                if finished():
                    return None
        return None

    def _finished(self) -> bool:
        """Whether the job is done, everything is archived, and nobody has work left."""
        jury = self.sim.jury
        tasks = {task.id for task in self.scenario.order.tasks}
        ended = tasks <= set(jury.tasks.ends) and not jury.tasks.open_tasks()
        content = self.busybody.content and self.sim.quiet()
        return ended and content and not jury.accounting.missing()

    def _unfinished(self) -> Violation:
        jury = self.sim.jury
        waits = [task.id for task in self.scenario.order.tasks if task.id not in jury.tasks.ends]
        waits += [task for task in jury.tasks.open_tasks() if task not in waits]
        text = f"open tasks {waits}, {jury.accounting.missing()} uploads not archived"
        return Violation(invariant="liveness", at_ns=self.sim.timeline.now_ns, text=text)

    def _terminal(self, network: Network) -> Terminal:
        return Terminal(
            site=self.scenario.site.name,
            network=network,
            timeline=self.sim.timeline,
            signer=self.sim.keys.signer(KeyId(OPERATOR)),
            keyring=self.sim.keys.keyring,
        )
