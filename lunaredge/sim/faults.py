"""What goes wrong, when, and for how long: drawn, begun, ended, and told to the checkers.

Each kind of fault has its own stream of chance, so that switching one off leaves the others where
they were.
"""

from collections.abc import Callable

from lunaredge.ids import NodeId
from lunaredge.sim.checkers.evidence import Disturbed, Restrained
from lunaredge.sim.network import Network
from lunaredge.sim.options import FaultOptions
from lunaredge.sim.process import Process
from lunaredge.sim.rng import Streams
from lunaredge.sim.simulation import Simulation
from lunaredge.units import ns_from_s
from lunaredge.wire import topics

Undo = Callable[[], None]

DOWN_S_MIN = 1.0
# Dead again before a census or a restored journal has come to anything.
RELAPSE_S_MAX = 5.0


class Faults:
    """The saboteur of the safety phase."""

    def __init__(self, sim: Simulation, options: FaultOptions, streams: Streams) -> None:
        self.count = 0
        self._sim = sim
        self._options = options
        self._streams = streams
        self._active = False
        self._undo: dict[int, Undo] = {}

    def begin(self) -> None:
        """Let things go wrong from now on."""
        self._active = True
        agents = [self._sim.processes[name] for name in self._sim.agents]
        scheduler = [self._sim.processes[topics.SCHEDULER]]
        gateway = [self._sim.processes[topics.GATEWAY]]
        earth = [self._sim.processes[topics.EARTH]]
        options = self._options
        self._plan("kill scheduler", options.kill_scheduler_s, lambda: self._kill(scheduler))
        self._plan("kill agent", options.kill_agent_s, lambda: self._kill(agents))
        self._plan("kill gateway", options.kill_gateway_s, lambda: self._kill(gateway))
        self._plan("kill earth", options.kill_earth_s, lambda: self._kill(earth))
        self._plan("lose agent", options.lose_agent_s, lambda: self._lose(agents))
        self._plan("stall disk", options.stall_disk_s, self._stall)
        self._plan("kill broker", options.kill_broker_s, self._kill_broker)
        self._plan("cut", options.cut_s, self._cut)
        self._plan("half cut", options.half_cut_s, self._half_cut)
        self._plan("earth outage", options.earth_outage_s, self._outage)

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
        undo = strike()
        if undo is not None:
            self._last(kind, undo)
        self._plan(kind, mean_s, strike)

    def _last(self, kind: str, undo: Undo) -> None:
        """Have a fault end after a while."""
        number = self._keep(undo)
        rng = self._streams.stream(f"fault {kind}")
        down_s = rng.uniform(DOWN_S_MIN, self._options.down_s_max)
        self._sim.timeline.after(ns_from_s(down_s), lambda: self._end_one(number))

    def _keep(self, undo: Undo) -> int:
        """Have a fault end when everything is healed, or by its number before that."""
        self.count += 1
        self._undo[self.count] = undo
        return self.count

    def _end_one(self, number: int) -> None:
        undo = self._undo.pop(number, None)
        if undo is not None:
            undo()

    def _disturb(self, who: NodeId, what: str) -> None:
        sim = self._sim
        sim.trace.log(sim.timeline.now_ns, who, what)
        sim.jury.see(Disturbed(at_ns=sim.timeline.now_ns, what=f"{who} {what}"))

    # --- the kinds ------------------------------------------------------------------------------

    def _kill(self, candidates: list[Process]) -> Undo | None:
        rng = self._streams.stream("fault target")
        living = [process for process in candidates if process.alive]
        if not living:
            return None
        victim = rng.choice(living)
        self._disturb(victim.name, "is to be killed")
        self._sim.kill(victim.name)
        return lambda: self._restart(victim)

    def _restart(self, victim: Process) -> None:
        self._sim.start(victim.name)
        rng = self._streams.stream("fault relapse")
        if self._active and rng.random() < self._options.relapse_ratio:
            delay_ns = ns_from_s(rng.uniform(0.0, RELAPSE_S_MAX))
            self._sim.timeline.after(delay_ns, lambda: self._relapse(victim))

    def _relapse(self, victim: Process) -> None:
        undo = self._kill([victim]) if self._active else None
        if undo is not None:
            self._last("relapse", undo)

    def _lose(self, candidates: list[Process]) -> None:
        restart = self._kill(candidates)
        if restart is not None:
            # Its tasks can't end without it, so nobody is to blame when nothing is done.
            self._restrain(restrained=True)
            self._keep(lambda: self._find_again(restart))

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
        self._disturb(victim.name, "has a disk that takes no writes")
        victim.stalled = True
        return victim.unstall

    def _kill_broker(self) -> Undo | None:
        network = self._streams.stream("fault target").choice(self._sim.networks)
        if not network.running:
            return None
        self._disturb(NodeId("broker"), "is killed")
        network.stop()
        return network.start

    def _cut(self) -> Undo:
        network, name = self._victim()
        self._disturb(name, "is cut off")
        network.cut(name)
        return lambda: network.mend(name)

    def _half_cut(self) -> Undo:
        network, name = self._victim()
        deaf = self._streams.stream("fault target").random() < 0.5
        self._disturb(name, "is deaf" if deaf else "is mute")
        network.half_cut(name, deaf=deaf)
        return lambda: network.mend(name)

    def _victim(self) -> tuple[Network, NodeId]:
        names = [*self._sim.agents, topics.SCHEDULER, topics.GATEWAY]
        return self._sim.site_net, self._streams.stream("fault target").choice(names)

    def _outage(self) -> Undo | None:
        if self._sim.link.broken:
            return None
        self._sim.trace.log(self._sim.timeline.now_ns, "link", "breaks off")
        self._sim.link.break_off()
        self._sim.link_changed()
        return self._mend_link

    def _mend_link(self) -> None:
        self._sim.link.mend()
        self._sim.link_changed()
