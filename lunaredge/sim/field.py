"""The field: the simulated machines, the drivers between them and their agents, and the truth.

A driver passes samples up and orders down without delay, as a cable does; what it carries is
checked by nobody here. A killed agent leaves its machine standing in the world.
"""

from lunaredge.ids import NodeId
from lunaredge.machine.mishap import Mishap
from lunaredge.machine.world import Pose, World
from lunaredge.model.site import Point
from lunaredge.model.task import TaskKind
from lunaredge.sim.checkers.evidence import Carried, Heaped, TrueBody, Truth
from lunaredge.sim.jury import Jury
from lunaredge.sim.process import Process
from lunaredge.sim.scenario import Scenario
from lunaredge.sim.timeline import Timeline
from lunaredge.sim.trace import Trace
from lunaredge.units import NS_PER_S, ns_from_s
from lunaredge.wire.driver import VERSION, Hello, MachineOrder

SAMPLE_PERIOD_S = 5.0

# A machine at full speed moves half its length in this time: overlaps can't slip through.
TRUTH_PERIOD_NS = NS_PER_S
# Batteries change slowly; they are looked at this often, and every body shown even when all stand.
STILL_PERIOD_NS = 30 * NS_PER_S


class Field:
    """The world and its drivers."""

    def __init__(
        self, world: World, scenario: Scenario, timeline: Timeline, trace: Trace, jury: Jury
    ) -> None:
        self.world = world
        self._goals_kg = goals_kg(scenario)
        self._timeline = timeline
        self._trace = trace
        self._jury = jury
        self._drivers: dict[NodeId, Process] = {}
        self._batteries_wh: dict[NodeId, float] = {}
        self._bodies_shown: tuple[TrueBody, ...] = ()
        self._known: dict[NodeId, tuple[Pose, TrueBody]] = {}
        self._weighed_ns = scenario.start_ns - STILL_PERIOD_NS

    def begin(self) -> None:
        """Let the world go on from now."""
        self._watch()

    def connect(self, process: Process) -> None:
        """Give a machine's agent its driver; called at the start of each of its lives."""
        self.world.attach(process.name)
        hello = Hello(
            version=VERSION,
            machine=process.name,
            setpoint_lifetime_s=self.world.setpoint_lifetime_s,
            basis_s_max=self.world.basis_s_max,
        )
        process.call(lambda node, local_ns: node.attached(hello, local_ns))
        first = process.name not in self._drivers
        self._drivers[process.name] = process
        if first:
            self._sample(process)

    def order(self, machine: NodeId, order: MachineOrder) -> None:
        """Pass an order down."""
        now_ns = self._timeline.now_ns
        self.world.advance(now_ns)
        refused = self.world.order(machine, order, now_ns)
        if refused is not None:
            self._trace.log(now_ns, machine, f"order refused: {refused}")

    def afflict(self, machine: NodeId, mishap: Mishap) -> None:
        """Have something be wrong with a machine."""
        now_ns = self._timeline.now_ns
        self.world.advance(now_ns)
        self._trace.log(now_ns, machine, f"is {mishap}")
        self.world.afflict(machine, mishap)

    def carry(self, machine: NodeId, place: Point, heading_rad: float) -> None:
        """Have people lift a machine that stands, and put it somewhere else."""
        now_ns = self._timeline.now_ns
        self.world.advance(now_ns)
        self.world.carry(machine, place, heading_rad)
        self._trace.log(now_ns, machine, f"is put at ({place[0]:.2f}, {place[1]:.2f})")
        self._jury.see(Carried(at_ns=now_ns, machine=machine))

    def heaps(self) -> None:
        """Tell the checkers how much has been moved by now."""
        for zone, moved_kg in sorted(self.world.ground.pits_kg().items()):
            self._jury.see(
                Heaped(
                    at_ns=self._timeline.now_ns,
                    zone=zone,
                    moved_kg=moved_kg,
                    goal_kg=self._goals_kg.get(zone, 0.0),
                )
            )

    def _sample(self, process: Process) -> None:
        self._timeline.after(ns_from_s(SAMPLE_PERIOD_S), lambda: self._sample(process))
        if not process.alive or self.world.is_silent(process.name):
            return
        self.world.advance(self._timeline.now_ns)
        process.sense(self.world.sample(process.name))

    def _watch(self) -> None:
        now_ns = self._timeline.now_ns
        self._timeline.after(TRUTH_PERIOD_NS, self._watch)
        self.world.advance(now_ns)
        due = now_ns - self._weighed_ns >= STILL_PERIOD_NS
        if due:
            self._weighed_ns = now_ns
            self._batteries_wh = self.world.batteries_wh()
            self._known.clear()
            self.heaps()
        bodies = self._bodies()
        # Whoever works may come to do so without leave while nothing else changes.
        if due or bodies != self._bodies_shown or any(body.works for body in bodies):
            self._bodies_shown = bodies
            self._jury.see(Truth(at_ns=now_ns, bodies=bodies))

    def _bodies(self) -> tuple[TrueBody, ...]:
        return tuple(self._body(pose) for pose in self.world.poses())

    def _body(self, pose: Pose) -> TrueBody:
        """Give a machine's true body; the very same while it stands."""
        known = self._known.get(pose.machine)
        if known is not None and known[0] == pose:
            return known[1]
        machine, body, speed_m_s, works = pose
        battery_wh = self._batteries_wh[machine]
        x_m, y_m, heading_rad = body.x_m, body.y_m, body.heading_rad
        true = TrueBody(machine, x_m, y_m, heading_rad, speed_m_s, battery_wh, works)
        self._known[machine] = (pose, true)
        return true


def goals_kg(scenario: Scenario) -> dict[str, float]:
    """Give how much all tasks together want dug from each zone.

    A goal is what has left its zone in all, so several tasks on one zone ask for the largest.
    """
    goals_kg: dict[str, float] = {}
    for task in scenario.tasks:
        if task.kind is TaskKind.EXCAVATE and task.zone is not None:
            goals_kg[task.zone] = max(goals_kg.get(task.zone, 0.0), task.mass_kg)
    return goals_kg
