"""One simulated site: every node in its shell, its brokers, its link, its machines and its people.

Assembles; lets nothing go wrong by itself and judges nothing. The nodes are the production
classes, told their boot, their keys and the time, and nothing else.
"""

import random
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import msgspec

from lunaredge.agent.commands import RESULT_TABLE
from lunaredge.agent.config import AgentConfig
from lunaredge.agent.node import AgentNode
from lunaredge.archive.config import ArchiveConfig
from lunaredge.archive.node import ArchiveNode
from lunaredge.earth.gateway import GatewayConfig, GatewayNode
from lunaredge.earth.station import EarthConfig, EarthNode
from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import BootId, NodeId
from lunaredge.machine.mishap import BRAKING_RATIO_MIN
from lunaredge.machine.world import World
from lunaredge.model.fleet import MachineSpec, NodeSpec
from lunaredge.node import (
    Actuate,
    Archive,
    Effect,
    Erase,
    Keep,
    KeepKind,
    Node,
    Note,
    Persist,
    Publish,
    StartWorkload,
    StopWorkload,
)
from lunaredge.scheduler.candidates import PlacementProblem
from lunaredge.scheduler.config import SchedulerConfig
from lunaredge.scheduler.core import QUARANTINE_ALARM
from lunaredge.scheduler.node import SchedulerNode
from lunaredge.scheduler.paths import RouteProblem
from lunaredge.scheduler.solve import solve
from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.keeping import kept
from lunaredge.sim.checkers.witness import Witness
from lunaredge.sim.compute import Computers, Solver
from lunaredge.sim.disk import Disk, StorageEffect
from lunaredge.sim.field import SAMPLE_PERIOD_S, Field
from lunaredge.sim.jury import Jury
from lunaredge.sim.network import Message, Network, NetworkOptions
from lunaredge.sim.options import Options
from lunaredge.sim.process import Ports, Process, ProcessOptions, Surroundings
from lunaredge.sim.replica import Replica
from lunaredge.sim.rng import Streams
from lunaredge.sim.scenario import Keys, Scenario
from lunaredge.sim.spacelink import PRESET, SpaceLink
from lunaredge.sim.timeline import Timeline
from lunaredge.sim.trace import Trace
from lunaredge.units import ns_from_s
from lunaredge.wire import messages, spool, topics
from lunaredge.wire.codec import Received, decode
from lunaredge.wire.topics import Topic

# Nobody looks at the screens here as often as they could change.
VIEW_GAP_S = 30.0

# Two samples: by then the machine's own clock has shown what the board's is worth.
UNWATCHED_NS = 2 * ns_from_s(SAMPLE_PERIOD_S)

Make = Callable[[BootId], Node]


class Overheard(NamedTuple):
    """A message at its first hop, taken apart once for all who listen in."""

    sender: NodeId
    payload: bytes
    topic: Topic
    frame: Received


Tap = Callable[[Overheard], None]


class Simulation:
    """A whole site, ready to start."""

    def __init__(
        self, scenario: Scenario, options: Options, streams: Streams, trace: Trace
    ) -> None:
        self.scenario = scenario
        self.options = options
        self.trace = trace
        self.timeline = Timeline(scenario.start_ns)
        self.keys = Keys(scenario.fleet)
        # Whoever watches reads what is tagged for the archive as well.
        self._watching = self.keys.keyring.read_by(self.keys.signer(topics.ARCHIVE))
        self.jury = Jury(scenario.site, scenario.fleet, options.setpoint_lifetime_s)
        self.agents = tuple(node.name for node in scenario.fleet.nodes)
        self.taps: list[Tap] = [self._witness]
        self._streams = streams
        self._reader = Witness(self.keys.keyring)
        self.site_net = self._network("site network", options.site)
        self.earth_net = self._network("earth network", options.earth)
        self.networks = (self.site_net, self.earth_net)
        rng = streams.stream("space link")
        self.link = SpaceLink(self.timeline, rng, scenario.plan, options.mishaps)
        self.link.damage_ratio = options.earth.damage_ratio
        world = World(
            scenario.site,
            scenario.fleet,
            options.setpoint_lifetime_s,
            streams.seed,
            scenario.start_ns,
        )
        self.field = Field(world, scenario, self.timeline, trace, self.jury)
        self.solver = Solver(
            self.timeline, streams.stream("solver"), options.solve_ns_max, self._solve
        )
        self._computers = Computers(self.timeline, streams.stream("computers"))
        self._link_up = True
        self._replica = self._new_replica()
        self.books: dict[NodeId, int] = {}
        """By which books a scheduler leads, where they are a copy; see `evidence.Copied`."""
        self.processes: dict[NodeId, Process] = {}
        self._make_processes()

    def begin(self) -> None:
        """Start everything."""
        self.field.begin()
        for contact in self.scenario.plan.contacts:
            for edge_ns in (contact.start_ns, contact.end_ns):
                if edge_ns >= self.timeline.now_ns:
                    self.timeline.at(edge_ns, self.link_changed)
        for name in self.processes:
            self.start(name)

    def start(self, name: NodeId) -> None:
        """Start a process."""
        process = self.processes[name]
        process.start()
        if process.alive and name in self.field.world.names:
            self.field.connect(process)

    def heal(self) -> None:
        """Let nothing be slow any more; the link keeps its plan."""
        self.link.calm()

    def quiet(self) -> bool:
        """Whether every process lives and has carried out what it wanted."""
        return all(process.idle for process in self.processes.values())

    def link_changed(self) -> None:
        """Tell the checkers if the Earth link went up or down."""
        now_ns = self.timeline.now_ns
        up = self.scenario.plan.at(now_ns) is not None and not self.link.broken
        if up != self._link_up:
            self._link_up = up
            self.trace.log(now_ns, "link", "is up" if up else "is down")
            self.jury.see(seen.EarthLink(at_ns=now_ns, up=up))

    def kill(self, name: NodeId) -> None:
        """Kill a process."""
        if name == topics.SCHEDULER and self.processes[name].idle:
            self.replay(self._replica)
        self.processes[name].kill()
        self.jury.see(seen.Died(at_ns=self.timeline.now_ns, node=name))

    def replay(self, replica: Replica | None = None) -> None:
        """Rebuild the scheduler from its disk beside the living one, and have them compared.

        By a replica that may have followed it; without one, from the disk as it is now.
        """
        process = self.processes[topics.SCHEDULER]
        live = process.node
        assert isinstance(live, SchedulerNode)
        replayed = (replica or self._new_replica()).digest(process.disk)
        now_ns = self.timeline.now_ns
        self.jury.see(seen.Replayed(at_ns=now_ns, live=live.digest(), replayed=replayed))

    def _new_replica(self) -> Replica:
        return Replica(lambda: new_scheduler(self.scenario, self.options, self.keys, BootId(1)))

    # --- assembly -------------------------------------------------------------------------------

    def _network(self, name: str, options: NetworkOptions) -> Network:
        rng = self._streams.stream(name)
        network = Network(self.timeline, rng, options, self._tapped)
        network.on_damage = self._damaged
        return network

    def _make_processes(self) -> None:
        for name, make in (
            (topics.SCHEDULER, self._scheduler),
            (topics.ARCHIVE, self._archive),
            (topics.GATEWAY, self._gateway),
        ):
            self._add(name, make, self.site_net)
        self._add(topics.EARTH, self._earth, self.earth_net)
        for node in self.scenario.fleet.nodes:
            self._add(node.name, partial(self._agent, node), self.site_net)
        self._join_in(self.processes[topics.SCHEDULER])
        gateway, earth = self.processes[topics.GATEWAY], self.processes[topics.EARTH]
        link = self.link
        gateway.ports.transmit = lambda data: link.send(link.down, data, _taker(earth))
        earth.ports.transmit = lambda data: link.send(link.up, data, _taker(gateway))

    def second_scheduler(self, name: NodeId, disk: Disk) -> Process:
        """Make one more scheduler, on a disk of its own. It is not the site's: it has no archive.

        Its client's name at the broker is another one, so that both are heard.
        """
        process = self._process(name, self._scheduler, self.site_net)
        process.disk = disk
        process.ports.committed = lambda effect: self._spooled(topics.SCHEDULER, effect)
        self._join_in(process)
        return process

    def _join_in(self, scheduler: Process) -> None:
        """Give a scheduler its solver, and watch for inputs that its core does not stand."""
        scheduler.ports.solve = lambda problem: self.solver.take(scheduler, problem)
        scheduler.ports.noted = partial(_check_core, scheduler)

    def _process(self, name: NodeId, make: Make, network: Network) -> Process:
        rng = self._streams.stream(f"process {name}")
        world = Surroundings(timeline=self.timeline, trace=self.trace, rng=rng)
        return Process(name, make, self._process_options(name, rng), network, world)

    def _add(self, name: NodeId, make: Make, network: Network) -> None:
        process = self._process(name, make, network)
        process.ports = Ports(
            actuate=lambda order: self.field.order(name, order),
            start_workload=lambda start: self._computers.start(process, start),
            stop_workload=lambda stop: self._computers.stop(process, stop),
            committed=lambda effect: self._committed(name, effect),
            heard=lambda topic, payload: self._heard(name, topic, payload),
            took=partial(self._took, process),
            will=_last_word if name in self.agents else None,
        )
        self.processes[name] = process

    def _process_options(self, name: NodeId, rng: random.Random) -> ProcessOptions:
        if name not in self.agents:
            return self.options.disk
        drift_ppb = rng.randint(-self.options.drift_ppb_max, self.options.drift_ppb_max)
        return msgspec.structs.replace(
            self.options.disk,
            drift_ppb=drift_ppb,
            own_clock=True,
            zero_ns_max=self.options.zero_ns_max,
        )

    def _scheduler(self, boot: BootId) -> Node:
        return new_scheduler(self.scenario, self.options, self.keys, boot)

    def _archive(self, boot: BootId) -> Node:
        config = ArchiveConfig(site=self.scenario.site.name)
        signer = self.keys.signer(topics.ARCHIVE)
        return ArchiveNode(config, boot, signer=signer, keyring=self.keys.keyring)

    def _gateway(self, boot: BootId) -> Node:
        config = GatewayConfig(site=self.scenario.site.name, preset=PRESET)
        signer = self.keys.signer(topics.GATEWAY)
        return GatewayNode(config, self.scenario.plan, boot, signer, self.keys.keyring)

    def _earth(self, boot: BootId) -> Node:
        config = EarthConfig(site=self.scenario.site.name, preset=PRESET)
        signer = self.keys.signer(topics.EARTH)
        return EarthNode(config, self.scenario.plan, boot, signer, self.keys.keyring)

    def _agent(self, node: NodeSpec, boot: BootId) -> Node:
        machine, computer = node.machine, node.computer
        config = AgentConfig(
            site=self.scenario.site.name,
            node=node.name,
            kind=node.kind,
            is_machine=machine is not None,
            slots=computer.slots if computer is not None else 0,
            speed_m_s_max=machine.speed_m_s_max if machine is not None else 0.0,
            deceleration_m_s2=_braking_m_s2(machine),
            reserve_wh=machine.reserve_wh if machine is not None else 0.0,
            sample_period_s=SAMPLE_PERIOD_S,
            go_home_after_s=self.options.go_home_after_s,
        )
        return AgentNode(config, boot, self.keys.signer(node.name), self.keys.keyring)

    def _solve(self, process: Process, problem: object) -> object:
        scheduler = process.node
        assert isinstance(scheduler, SchedulerNode)
        assert isinstance(problem, RouteProblem | PlacementProblem)
        return solve(scheduler.core.ctx.ground, problem)

    # --- watching -------------------------------------------------------------------------------

    def _tapped(self, sender: NodeId, message: Message) -> None:
        topic = topics.parse(message.topic)
        if topic is None:
            return
        try:
            frame = decode(message.payload, self._watching)
        except RemoteProtocolError:
            return
        for tap in self.taps:
            tap(Overheard(sender, message.payload, topic, frame))

    def _witness(self, heard: Overheard) -> None:
        # What Earth's broker shows of the site is a mirror, no word of the nodes themselves.
        if heard.sender != topics.EARTH:
            for evidence in self._reader.hear(heard.topic, heard.frame, self.timeline.now_ns):
                self.jury.see(self._by_books(heard.sender, evidence))

    def _by_books(self, sender: NodeId, evidence: seen.Evidence) -> seen.Evidence:
        """Say by whose books a scheduler spoke."""
        books = self.books.get(sender, 0)
        if books and isinstance(evidence, seen.Assigned | seen.TaskSeen):
            return msgspec.structs.replace(evidence, books=books)
        return evidence

    def _damaged(self, name: NodeId, payload: bytes) -> None:
        """Tell the checkers whether a damaged frame could be taken for a sound one."""
        try:
            decode(payload, self.keys.keyring)
        except RemoteProtocolError:
            sound = False
        else:
            sound = True
        now_ns = self.timeline.now_ns
        self.jury.see(
            seen.Injected(at_ns=now_ns, node=name, kind="damaged", changed=sound, counted=False)
        )

    def _heard(self, name: NodeId, topic: str, payload: bytes) -> None:
        if name in self.agents and topic == topics.stop_all(self.scenario.site.name):
            try:
                body = decode(payload, self.keys.keyring).body
            except RemoteProtocolError:
                return
            if isinstance(body, messages.Stop) and body.node in (None, name):
                now_ns = self.timeline.now_ns
                self.jury.see(seen.StopHeard(at_ns=now_ns, node=name, stop=body.stop))

    def is_misled(self, process: Process) -> bool:
        """Tell whether a process can't know yet that its clock was set wrong."""
        wronged_ns, now_ns = process.clock_wronged_ns, self.timeline.now_ns
        watched = process.name in self.field.world.names
        return wronged_ns is not None and (not watched or now_ns < wronged_ns + UNWATCHED_NS)

    def _took(self, process: Process, topic: str, payload: bytes, effects: list[Effect]) -> None:
        """Tell the checkers of a command that an agent carried out, and how late.

        A clock that was set wrong an instant ago can't be known to be wrong before something from
        outside has come; a board without a machine has only the scheduler's answers for that.
        """
        now_ns, name = self.timeline.now_ns, process.name
        own = [topics.build(self.scenario.site.name, name, channel) for channel in ("cmd", "ma")]
        if name not in self.agents or topic not in own:
            return
        if self.is_misled(process):
            return
        try:
            frame = decode(payload, self.keys.keyring)
        except RemoteProtocolError:
            return
        # A census is meant for one boot alone: it needs no clock.
        timed = isinstance(frame.body, messages.Command) and not isinstance(
            frame.body, messages.Census
        )
        if timed and any(map(_answers, effects)):
            late_ns = now_ns - frame.header.expiry_ns
            self.jury.see(seen.Obeyed(at_ns=now_ns, node=name, late_ns=late_ns))

    def _committed(self, name: NodeId, effect: StorageEffect) -> None:
        if isinstance(effect, Archive):
            self.see_archived(name, effect)
        elif isinstance(effect, Keep):
            self._see_kept(effect)
        else:
            self._spooled(name, effect)

    def _see_kept(self, keep: Keep) -> None:
        """Show the checkers what the archive keeps; what is missing is not kept.

        What a board's wrong clock has stamped is kept apart, by a stated policy. Nothing else that
        honest nodes send can't be believed.
        """
        is_apart = keep.kind is KeepKind.QUARANTINED and keep.reason.startswith("clock_")
        if is_apart or keep.kind in (KeepKind.SAMPLES, KeepKind.DROPPED):
            self.jury.see(
                seen.Archived(
                    at_ns=self.timeline.now_ns,
                    store=topics.ARCHIVE,
                    node=keep.node,
                    boot=keep.boot,
                    record_class=keep.record_class,
                    first_seq=keep.first_seq,
                    seq=keep.last_seq,
                    count=keep.count,
                    dropped=keep.kind is not KeepKind.SAMPLES,
                )
            )

    def see_archived(self, store: NodeId, archive: Archive) -> None:
        """Show the checkers what a receiver's disk keeps."""
        now_ns = self.timeline.now_ns
        self.jury.see(
            seen.Archived(
                at_ns=now_ns,
                store=store,
                node=archive.node,
                boot=archive.boot,
                record_class=archive.record_class,
                first_seq=archive.first_seq,
                seq=archive.seq,
                count=archive.count,
                dropped=archive.dropped,
            )
        )
        keeping = kept(store, archive.node, archive.record_class, archive.record, now_ns)
        if keeping is not None:
            self.jury.see(keeping)

    def _spooled(self, name: NodeId, effect: StorageEffect) -> None:
        if isinstance(effect, Persist) and effect.table == spool.TABLE:
            item = spool.decode_item(effect.value)
            self.jury.see(
                seen.Spooled(
                    at_ns=self.timeline.now_ns,
                    node=name,
                    boot=item.boot,
                    record_class=item.record_class,
                    first_seq=item.first_seq,
                    seq=item.seq,
                    count=item.count,
                    dropped=item.dropped,
                )
            )


def new_scheduler(scenario: Scenario, options: Options, keys: Keys, boot: BootId) -> SchedulerNode:
    """Give a scheduler as every life of it is made."""
    config = SchedulerConfig(
        site=scenario.site.name,
        authority_lifetime_ns=ns_from_s(options.authority_lifetime_s),
        on_loss=options.on_loss,
        checkpoint_entries=options.checkpoint_entries,
        view_gap_ns=ns_from_s(VIEW_GAP_S),
    )
    signer = keys.signer(topics.SCHEDULER)
    return SchedulerNode(
        config, scenario.site, scenario.fleet, boot, signer=signer, keyring=keys.keyring
    )


def _check_core(scheduler: Process, _note: Note) -> None:
    """Fail the run if an input was quarantined: a core stands what comes from outside.

    In this life or an earlier one, which may have ended before it could tell.
    """
    node = scheduler.node
    if isinstance(node, SchedulerNode) and node.core.state.quarantined:
        alarm = node.core.state.alarms[f"{topics.SCHEDULER}/{QUARANTINE_ALARM}"]
        raise AssertionError(f"an input was quarantined, {alarm.text}")


def _braking_m_s2(machine: MachineSpec | None) -> float:
    """Give what an agent counts on: brakes that are as worn as they may be."""
    return 0.0 if machine is None else BRAKING_RATIO_MIN * machine.deceleration_m_s2


def acts(effect: Effect) -> bool:
    """Tell whether an agent's effect does more than report: spooled records and replies do not."""
    if isinstance(effect, Persist | Erase):
        return effect.table != spool.TABLE or isinstance(effect, Erase)
    return isinstance(effect, Actuate | StartWorkload | StopWorkload)


def _answers(effect: Effect) -> bool:
    """Tell whether an agent keeps the result of a command; what else is due comes beside it."""
    return isinstance(effect, Persist) and effect.table == RESULT_TABLE


def _last_word(node: AgentNode, local_ns: int) -> Publish:
    return node.will(local_ns)


def _taker(process: Process) -> Callable[[bytes], None]:
    def take(payload: bytes) -> None:
        process.call(lambda node, now_ns: node.datagram(payload, now_ns))

    return take
