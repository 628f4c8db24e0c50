"""What goes wrong, when, and for how long: drawn, begun, ended, and told to the checkers.

Each kind of fault has its own stream of chance, so that switching one off leaves the others where
they were. Every strike has a number, by its turn in the run, and draws its target and its length
from streams of its own: so a run can be played again with some of its strikes only, and those are
what they were. The kinds that need more than a few lines have rooms of their own in `strikes`.
"""

import random
from collections.abc import Callable

from lunaredge.ids import NodeId
from lunaredge.sim.checkers.evidence import Disturbed, Restrained
from lunaredge.sim.leaders import Leaders
from lunaredge.sim.limits import NO_LIMITS, NOBODY, Limits, Strike
from lunaredge.sim.network import Network
from lunaredge.sim.options import FaultOptions
from lunaredge.sim.process import Process
from lunaredge.sim.rng import Streams
from lunaredge.sim.simulation import Simulation
from lunaredge.sim.strikes import carries, clocks, disks, freezes, links, machines, power
from lunaredge.sim.strikes.kind import Undo
from lunaredge.units import ns_from_s, s_from_ns
from lunaredge.wire import topics

DOWN_S_MIN = 1.0
# Dead again before a census or a restored journal has come to anything.
RELAPSE_S_MAX = 5.0

_ROOMS = (
    carries.kinds,
    clocks.kinds,
    disks.kinds,
    freezes.kinds,
    links.kinds,
    machines.kinds,
    power.kinds,
)


class Faults:
    """The saboteur of the safety phase."""

    def __init__(
        self,
        sim: Simulation,
        options: FaultOptions,
        streams: Streams,
        limits: Limits = NO_LIMITS,
    ) -> None:
        self._undo_no = 0
        self.strikes: list[Strike] = []
        """What struck so far, in order."""
        self.sim = self._sim = sim
        self.options = self._options = options
        self._streams = streams
        self._limits = limits
        self._active = False
        self._undo: dict[int, Undo] = {}
        self.leaders = Leaders(sim, options, streams)
        self._turn = 0
        self._turns: dict[str, int] = {}
        self._occasion = ""
        self._told: tuple[NodeId, str] | None = None

    def begin(self) -> None:
        """Let things go wrong from now on."""
        self._active = True
        self.leaders.begin()
        agents = [self._sim.processes[name] for name in self._sim.agents]
        scheduler = [self._sim.processes[topics.SCHEDULER]]
        gateway = [self._sim.processes[topics.GATEWAY]]
        archive = [self._sim.processes[topics.ARCHIVE]]
        earth = [self._sim.processes[topics.EARTH]]
        options = self._options
        self._plan("kill scheduler", options.kill_scheduler_s, lambda: self._kill(scheduler))
        self._plan("split", options.split_s, self._split)
        self._plan("old image", options.old_image_s, self._put_image_back)
        self._plan("kill agent", options.kill_agent_s, lambda: self._kill(agents))
        self._plan("kill gateway", options.kill_gateway_s, lambda: self._kill(gateway))
        self._plan("kill archive", options.kill_archive_s, lambda: self._kill(archive))
        self._plan("kill earth", options.kill_earth_s, lambda: self._kill(earth))
        self._plan("lose agent", options.lose_agent_s, lambda: self._lose(agents))
        self._plan("stall disk", options.stall_disk_s, self._stall)
        self._plan("kill broker", options.kill_broker_s, self._kill_broker)
        self._plan("cut", options.cut_s, self._cut)
        self._plan("half cut", options.half_cut_s, self._half_cut)
        self._plan("earth outage", options.earth_outage_s, self._outage)
        for room in _ROOMS:
            for kind in room(self):
                self._plan(*kind)

    @property
    def due_count(self) -> int:
        """How many strikes have come due, those included that were not let happen."""
        return self._turn

    def end(self) -> None:
        """Undo everything that is still broken."""
        self._active = False
        for number in sorted(self._undo):
            self._undo.pop(number)()

    def _plan(self, kind: str, mean_s: float, strike: Callable[[], Undo | None]) -> None:
        if mean_s <= 0.0:
            return
        rng = self._streams.stream(f"fault {kind}")
        delay_ns = ns_from_s(rng.expovariate(1.0 / mean_s))
        self._sim.timeline.after(delay_ns, lambda: self._strike(kind, mean_s, strike))

    def _strike(self, kind: str, mean_s: float, strike: Callable[[], Undo | None]) -> None:
        if not self._active:
            return
        self._plan(kind, mean_s, strike)
        self._turn += 1
        self._turns[kind] = self._turns.get(kind, 0) + 1
        if not self._limits.lets(self._turn):
            return
        self._draw_anew(kind, f"{kind} {self._turns[kind]}")
        self._told = None
        undo = strike()
        lasts_s = None if undo is None else self.last(undo)
        self._record(kind, lasts_s)

    def draw(self, kind: str) -> random.Random:
        """Give the chance of one kind of fault, which no other kind shifts."""
        return self._streams.stream(f"fault {kind} target")

    def _draw_anew(self, kind: str, occasion: str) -> None:
        """Have all that is drawn on this occasion come from streams of its own."""
        self._occasion = occasion
        self._streams.renew("fault target", occasion)
        self._streams.renew(f"fault {kind} target", occasion)

    def _record(self, kind: str, lasts_s: float | None) -> None:
        # One that found nobody, or bides its time, has a number all the same: left out of a replay
        # by mistake, it might be what the failure needs.
        target, what = self._told or (NOBODY, kind)
        at_s = s_from_ns(self._sim.timeline.now_ns - self._sim.scenario.start_ns)
        self.strikes.append(
            Strike(
                number=self._turn, kind=kind, target=target, what=what, at_s=at_s, lasts_s=lasts_s
            )
        )

    def last(self, undo: Undo) -> float:
        """Have a fault end after a while; give its length."""
        number = self.keep(undo)
        rng = self._streams.stream("fault target")
        down_s = rng.uniform(DOWN_S_MIN, self._options.down_s_max)
        self._sim.timeline.after(ns_from_s(down_s), lambda: self._end_one(number))
        return down_s

    def keep(self, undo: Undo) -> int:
        """Have a fault end when everything is healed, or by its number before that."""
        self._undo_no += 1
        self._undo[self._undo_no] = undo
        return self._undo_no

    def _end_one(self, number: int) -> None:
        undo = self._undo.pop(number, None)
        if undo is not None:
            undo()

    def _tell(self, who: NodeId, what: str) -> None:
        self._told = (who, what)
        self._sim.trace.log(self._sim.timeline.now_ns, who, what)

    def disturb(self, who: NodeId, what: str) -> None:
        """Tell the trace and the checkers what is done to somebody."""
        self._tell(who, what)
        sim = self._sim
        sim.jury.see(Disturbed(at_ns=sim.timeline.now_ns, what=f"{who} {what}"))

    def kill(self, name: NodeId) -> None:
        """Kill a process; the scheduler's standby may take its place."""
        self._sim.kill(name)
        if name == topics.SCHEDULER:
            self.leaders.succeed()

    def restart(self, name: NodeId) -> None:
        """Begin another life of a process that was killed, unless somebody has taken its place."""
        if self._sim.processes[name].alive:
            # Its standby leads, and whoever comes back waits for the next time.
            self.leaders.stand_by()
        else:
            self._sim.start(name)

    # --- the kinds ------------------------------------------------------------------------------

    def _kill(self, candidates: list[Process]) -> Undo | None:
        rng = self._streams.stream("fault target")
        living = [process for process in candidates if process.alive]
        if not living:
            return None
        victim = rng.choice(living)
        self.disturb(victim.name, "is to be killed")
        self.kill(victim.name)
        occasion = self._occasion
        return lambda: self._restart(victim, occasion)

    def _restart(self, victim: Process, occasion: str) -> None:
        led = victim.alive
        self.restart(victim.name)
        if led:
            return
        rng = self._streams.renew("fault relapse", occasion)
        if self._active and rng.random() < self._options.relapse_ratio:
            delay_ns = ns_from_s(rng.uniform(0.0, RELAPSE_S_MAX))
            self._sim.timeline.after(delay_ns, lambda: self._relapse(victim, occasion))

    def _relapse(self, victim: Process, occasion: str) -> None:
        self._draw_anew("relapse", f"{occasion} again")
        undo = self._kill([victim]) if self._active else None
        if undo is not None:
            self.last(undo)

    def _split(self) -> Undo | None:
        if self.leaders.are_two:
            return None
        self.disturb(topics.SCHEDULER, "gets a twin")
        self.leaders.split()
        return self._join

    def _join(self) -> None:
        self.disturb(topics.SCHEDULER, "or its twin is lost")
        self.leaders.join()

    def _put_image_back(self) -> None:
        self.disturb(topics.SCHEDULER, "begins on an old image")
        self.leaders.put_image_back()

    def _lose(self, candidates: list[Process]) -> None:
        restart = self._kill(candidates)
        if restart is not None:
            # Its tasks can't end without it, so nobody is to blame when nothing is done.
            self._restrain(restrained=True)
            self.keep(lambda: self._find_again(restart))

    def _find_again(self, restart: Undo) -> None:
        restart()
        self._restrain(restrained=False)

    def _restrain(self, *, restrained: bool) -> None:
        at_ns = self._sim.timeline.now_ns
        self._sim.jury.see(Restrained(at_ns=at_ns, cause="a lost agent", restrained=restrained))

    def _stall(self) -> Undo | None:
        working = [each for each in self._sim.processes.values() if not each.stalled]
        if not working:
            return None
        victim = self._streams.stream("fault target").choice(working)
        self.disturb(victim.name, "has a disk that takes no writes")
        victim.stalled = True
        return victim.unstall

    def _kill_broker(self) -> Undo | None:
        network = self._streams.stream("fault target").choice(self._sim.networks)
        if not network.running:
            return None
        self.disturb(NodeId("broker"), "is killed")
        network.stop()
        return network.start

    def _cut(self) -> Undo:
        network, name = self._victim()
        self.disturb(name, "is cut off")
        network.cut(name)
        return lambda: network.mend(name)

    def _half_cut(self) -> Undo:
        network, name = self._victim()
        deaf = self._streams.stream("fault target").random() < 0.5
        self.disturb(name, "is deaf" if deaf else "is mute")
        network.half_cut(name, deaf=deaf)
        return lambda: network.mend(name)

    def _victim(self) -> tuple[Network, NodeId]:
        names = [*self._sim.agents, topics.SCHEDULER, topics.ARCHIVE, topics.GATEWAY]
        return self._sim.site_net, self._streams.stream("fault target").choice(names)

    def _outage(self) -> Undo | None:
        if self._sim.link.broken:
            return None
        self._tell(NodeId("link"), "breaks off")
        self._sim.link.break_off()
        self._sim.link_changed()
        return self._mend_link

    def _mend_link(self) -> None:
        self._sim.link.mend()
        self._sim.link_changed()
