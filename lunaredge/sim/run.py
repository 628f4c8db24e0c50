"""One run of one seed: draw, break things, heal, and say what came of it.

First the safety phase, with faults on and every checker watching. Then everything is healed, and
within a bound of virtual time the work must be done, everything archived and both brokers quiet:
that is liveness. What failed before is handed in once more then, and must be done as well. Any
exception that leaves a node is a failure, too.
"""

import traceback
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from lunaredge.ids import KeyId, TaskId
from lunaredge.sim.attacker import Attacker
from lunaredge.sim.checkers.checker import Verdict, Violation
from lunaredge.sim.faults import Faults
from lunaredge.sim.foreman import Foreman
from lunaredge.sim.jury import Onlooker
from lunaredge.sim.limits import NO_LIMITS, Limits, Strike, steady_in
from lunaredge.sim.network import Network
from lunaredge.sim.options import Options, draw, healed, told
from lunaredge.sim.people import Approver, Busybody, Person, Temper, Terminal
from lunaredge.sim.rng import Streams
from lunaredge.sim.scenario import OPERATOR, WARDENS, Scenario, with_batteries
from lunaredge.sim.simulation import Simulation
from lunaredge.sim.trace import Trace
from lunaredge.sim.wardens import Warden, Wardens
from lunaredge.units import NS_PER_S, ns_from_s, s_from_ns

# How often the run looks whether it is finished, and whether a checker has found something.
LOOK_NS = NS_PER_S
# What stands before an exception that left a node.
CRASH = "crash"
# A run of more events than this for each virtual second is one that spins; an honest one has a
# tenth. The beginning, and what people do in haste, have some besides.
EVENTS_S_MAX = 300
EVENTS_MIN = 1_000_000


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
    strikes: list[Strike] = []
    """The faults that struck, in order."""
    due_count: int = 0
    """How many came due, those included that were not let happen."""
    steady: list[str] = []
    """Which troubles went on all through the run, by their names in `limits`."""
    safety_s: float = 0.0
    """The length of the safety phase."""
    converged_s: float | None = None
    """How long after everything was healed the site had done its job; None: it had not."""

    @property
    def breach(self) -> str:
        """The invariant that broke, without the words: what two runs must share to fail alike."""
        name, _, words = self.failure.partition(": ")
        return f"{name} {words.partition(':')[0]}" if name == CRASH else name

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
    limits: Limits = NO_LIMITS,
    onlooker: Onlooker | None = None,
) -> Outcome:
    """Run one seed to its end; options other than the seed's own are for tests."""
    run = prepared(seed, scenario, options, echo, limits)
    if onlooker is not None:
        run.sim.jury.admit(onlooker)
    return run.outcome()


def prepared(
    seed: int,
    scenario: Scenario,
    options: Options | None = None,
    echo: Callable[[str], None] | None = None,
    limits: Limits = NO_LIMITS,
) -> "Run":
    """Give the run of a seed before it begins, for those who look at its site afterwards."""
    streams = Streams(seed)
    drawn = draw(streams.stream("options")) if options is None else options
    if scenario.safety_s is not None:
        drawn = replace(drawn, safety_s=scenario.safety_s)
    drawn = limits.applied(drawn)
    trace = Trace(scenario.start_ns, echo)
    for line in told(drawn):
        trace.log(scenario.start_ns, "options", line)
    if drawn.tight_batteries:
        scenario = with_batteries(scenario, scenario.battery_ratio_min)
    return Run(seed, scenario, drawn, streams, trace, limits)


class Run:
    """One run: its site, its saboteurs and its people, from the beginning to the verdict."""

    def __init__(
        self,
        seed: int,
        scenario: Scenario,
        options: Options,
        streams: Streams,
        trace: Trace,
        limits: Limits,
    ) -> None:
        self.seed = seed
        self.scenario = scenario
        self.options = options
        self.streams = streams
        self.trace = trace
        self.converged_s: float | None = None
        self.sim = Simulation(scenario, options, streams, trace)
        self.faults = Faults(self.sim, options.faults, streams, limits)
        self.faults.leaders.after_loss = self._hand_in_again
        rng = streams.stream("attacker")
        self.attacker = Attacker(self.sim, rng, options.faults.inject_s)
        self.sim.taps.append(self.attacker.overhear)
        self.foreman = Foreman(
            "operator-sim", self._terminal(self.sim.site_net), scenario, self._open_count
        )
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
            (self.sim.field.world.names, tuple(task.id for task in scenario.tasks)),
            Temper(
                interfere_s=options.faults.interfere_s,
                cancel_s=options.faults.cancel_s,
                haste_ratio=options.faults.haste_ratio,
            ),
        )

        self.wardens = Wardens(
            tuple(
                Warden(key=key, person=Person(key, self._terminal(self.sim.site_net, key)))
                for key in WARDENS
            ),
            streams.stream("wardens"),
            self.sim,
            options.wardens,
        )

    def outcome(self) -> Outcome:
        """Run, and judge."""
        failure = ""
        try:
            violation = self._live()
        except Exception as exc:
            where = traceback.extract_tb(exc.__traceback__)[-1]
            failure = f"{CRASH}: {type(exc).__name__}: {exc} ({where.name}:{where.lineno})"
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
            faults=sum(strike.is_felt for strike in self.faults.strikes),
            attacks=self.attacker.count,
            interventions=self.busybody.count + self.wardens.count,
            separation_m_min=sim.jury.separation.separation_m_min,
            invariants=sim.jury.report(),
            failure=failure,
            last=self.trace.last() if failure else [],
            strikes=self.faults.strikes,
            due_count=self.faults.due_count,
            steady=steady_in(self.options),
            safety_s=self.options.safety_s,
            converged_s=self.converged_s,
        )

    # --- phases ---------------------------------------------------------------------------------

    def _live(self) -> Violation | None:
        """Go through the phases; give the first violation."""
        sim = self.sim
        sim.begin()
        self.foreman.sit_down()
        self.approver.sit_down()
        self.busybody.sit_down()
        submit_s = self.streams.stream("operator").uniform(0.0, self.options.submit_s_max)
        self.foreman.begin(submit_s)
        self.faults.begin()
        self.attacker.begin()
        self.busybody.begin()
        self.wardens.begin()
        if violation := self._run_for(self.options.safety_s, lambda: False):
            return violation
        self._heal()
        healed_ns = sim.timeline.now_ns
        if violation := self._work():
            return violation
        if violation := self._work_that_failed():
            return violation
        self.converged_s = s_from_ns(sim.timeline.now_ns - healed_ns)
        sim.field.heaps()
        sim.replay()
        sim.jury.finish(sim.timeline.now_ns)
        return sim.jury.verdict()

    def _work(self) -> Violation | None:
        """Have the site end its tasks in the time that it has for them."""
        if violation := self._run_for(self.scenario.work_s_max, self._finished):
            return violation
        return None if self._finished() else self._unfinished()

    def _work_that_failed(self) -> Violation | None:
        """Have what failed done now: before the healing anything may fail, and nothing since."""
        failed = self._failed()
        if not failed:
            return None
        self.foreman.hand_in_anew(failed)
        if violation := self._work():
            return violation
        again = [task for task in self._failed() if task not in failed]
        text = f"failed though nothing went wrong any more: {again}"
        now_ns = self.sim.timeline.now_ns
        return Violation(invariant="liveness", at_ns=now_ns, text=text) if again else None

    def _failed(self) -> list[TaskId]:
        """Give the tasks handed in that ended, and were not done."""
        ends = self.sim.jury.tasks.ends
        return [task for task in self.foreman.wanted if ends.get(task) == "failed"]

    def _open_count(self) -> int:
        """Count the tasks handed in that have not ended."""
        ends = self.sim.jury.tasks.ends
        return sum(task not in ends for task in self.foreman.wanted)

    def _hand_in_again(self) -> None:
        """Hand the orders in again that the books that are left don't have."""
        self.foreman.hand_in_again(self.faults.leaders.books_left().orders)

    def _heal(self) -> None:
        sim = self.sim
        self.trace.log(sim.timeline.now_ns, "run", "everything is healed")
        self.attacker.end()
        self.busybody.end()
        self.wardens.end()
        self.faults.end()
        if self.faults.leaders.losses:
            self._hand_in_again()
        for network in sim.networks:
            network.options = healed(network.options)
        sim.heal()

    def _run_for(self, duration_s: float, finished: Callable[[], bool]) -> Violation | None:
        timeline = self.sim.timeline
        end_ns = timeline.now_ns + ns_from_s(duration_s)
        look_ns = timeline.now_ns
        run_s = s_from_ns(end_ns - self.scenario.start_ns)
        count_max = EVENTS_MIN + int(EVENTS_S_MAX * run_s)
        # The field's clockwork never stops, so there is always a next step.
        while timeline.now_ns < end_ns and timeline.step():
            assert timeline.count < count_max, "the run spins"
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
        handed_in = self.foreman.content and not self._open_count()
        ended = handed_in and not jury.tasks.open_tasks()
        content = ended and self.busybody.content and self.wardens.content and self.sim.quiet()
        return content and jury.accounting.complete

    def _unfinished(self) -> Violation:
        jury = self.sim.jury
        waits = [task for task in self.foreman.wanted if task not in jury.tasks.ends]
        waits += [task for task in jury.tasks.open_tasks() if task not in waits]
        now_ns = self.sim.timeline.now_ns
        text = f"open tasks {waits}, {jury.accounting.missing()} uploads not archived"
        if self.scenario.plan.at(now_ns) is None and self.scenario.plan.next_after(now_ns) is None:
            text += "; no more contact with Earth is planned"
        return Violation(invariant="liveness", at_ns=now_ns, text=text)

    def _terminal(self, network: Network, key: KeyId = OPERATOR) -> Terminal:
        return Terminal(
            site=self.scenario.site.name,
            network=network,
            timeline=self.sim.timeline,
            signer=self.sim.keys.signer(key),
            keyring=self.sim.keys.keyring,
        )
