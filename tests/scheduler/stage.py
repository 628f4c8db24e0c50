"""A scheduler among puppets, with a post that does as it likes, and a witness of what it says.

The witness keeps its own books: who has been counted, which zones and machines people keep, which
task was given out and which has ended. It goes by frames and by the answers that people got.
"""

import contextlib
import copy
from dataclasses import dataclass, field
from typing import Any

import msgspec

from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import AuthorityId, BootId, CommandId, NodeId, TaskId
from lunaredge.model.fleet import Capability, Fleet
from lunaredge.model.site import Polygon, Zone, ZoneKind
from lunaredge.model.task import TaskKind
from lunaredge.node import Archive, Effect, Erase, Persist, Publish, Row, Solve
from lunaredge.scheduler.config import SchedulerConfig
from lunaredge.scheduler.node import CHECKPOINT, JOURNAL, SchedulerNode
from lunaredge.scheduler.state import ENDED, SchedulerState
from lunaredge.sim.checkers.geometry import contains, cut_path, path_to_path
from lunaredge.wire import codec, messages, topics
from lunaredge.wire.codec import Received
from lunaredge.wire.safeguards import Unlock
from tests.scheduler import plain_site
from tests.scheduler.puppets import Offer, Puppet, Strip
from tests.scheduler.rig import Site, write

HONEST = ("excavator-1", "grader-1", "grader-2")
# These say whatever is drawn; nothing is known of where the one with wheels is.
ROGUES = ("hauler-1", "dc-1")
# That people close.
ZONES = ("pad", "berm", "gate")
ROUNDING_M = 1e-6
# What people order, beside names.
TASKS: tuple[dict[str, Any], ...] = (
    {"kind": TaskKind.GRADE, "zone": "pad"},
    {"kind": TaskKind.GRADE, "zone": "berm"},
    {"kind": TaskKind.GRADE, "zone": "pad", "only_on": (NodeId("grader-1"),)},
    {"kind": TaskKind.GRADE, "zone": "berm", "needs_earth": True},
    {"kind": TaskKind.GRADE, "zone": "berm", "latest_s": 300.0},
    {"kind": TaskKind.GRADE, "zone": "berm", "release_s": 100.0},
    {
        "kind": TaskKind.EXCAVATE,
        "zone": "pit",
        "pile": "pile",
        "mass_kg": 50.0,
        "stand": (65.0, 22.0),
    },
)

Mail = tuple[NodeId | None, str, bytes]
"""To whom (None: to the scheduler), by which topic, and what."""


@dataclass
class Books:
    """What the journal ought to know; an old image of the disk has old books."""

    ends: dict[TaskId, str] = field(default_factory=dict)
    given: dict[tuple[TaskId, int], NodeId] = field(default_factory=dict)
    zones: dict[str, Polygon] = field(default_factory=dict)
    tags: dict[NodeId, int] = field(default_factory=dict)
    """How many tags hang on a machine."""


class Stage(Site):
    def __init__(self) -> None:
        self.mail: list[Mail] = []
        self.books = Books()
        self.images: list[tuple[dict[tuple[str, str, int], bytes], Books]] = []
        self.has_gone_back = False
        self.has_vouched = False
        self.news: dict[NodeId, tuple[int, int]] = {}
        """Boot and number of each node's newest word that was delivered."""
        self.counted: dict[NodeId, tuple[int, int]] = {}
        """The epoch that it has told of, and the boot in which."""
        self.vouched: dict[NodeId, None] = {}
        self.authorities: dict[AuthorityId, messages.Grant] = {}
        self.commands: dict[CommandId, messages.Command] = {}
        self.stops_m: dict[AuthorityId, float] = {}
        self.epochs: dict[int, int] = {}
        """By which life each epoch was led."""
        self.life_epoch = 0
        self.puppets: dict[NodeId, Puppet] = {}
        self.fed_no = 0
        super().__init__()

    # --- lives ----------------------------------------------------------------------------------

    def start(self) -> SchedulerNode:
        if not self.puppets:
            self._furnish()
        self.boots += 1
        before = self.scheduler.core.state.epoch if self.boots > 1 else 0
        self.scheduler = self._node(BootId(self._life() << 24 | self.boots))
        self.problems, self.published = [], []
        self.vouched.clear()
        self.replica, self.fed_no = self._node(BootId(1)), 0
        self.scheduler.restore(self.rows(), self.now_ns)
        epoch = self.scheduler.core.state.epoch
        assert self.has_gone_back or epoch > before, "an epoch went back"
        self.scheduler.connected(self.now_ns)
        self.carry_out()
        return self.scheduler

    def _furnish(self) -> None:
        skills = (Capability.GRADE, Capability.EXCAVATE)
        machines = [
            msgspec.structs.replace(spec, capabilities=skills) if spec.name in HONEST else spec
            for spec in self.fleet.nodes
        ]
        self.fleet = Fleet(nodes=tuple(machines))
        gate = Zone(name="gate", kind=ZoneKind.NO_STANDING, polygon=plain_site.box(20, 30, 10, 5))
        self.site = msgspec.structs.replace(self.site, zones=(*self.site.zones, gate))
        for spec in self.fleet.nodes:
            if spec.name in HONEST:
                assert spec.machine is not None
                assert spec.home is not None
                boot = self.node_boots[spec.name]
                self.puppets[spec.name] = Puppet(spec.name, spec.machine, spec.home, boot)

    def _life(self) -> int:
        """Count lives as a store does: an old image counts anew."""
        place = ("life", "", 0)
        lives = int.from_bytes(self.disk.get(place, b"\0"), "big") + 1
        self.disk[place] = lives.to_bytes(4, "big")
        return lives

    def _node(self, boot: BootId) -> SchedulerNode:
        config = SchedulerConfig(
            site=self.site.name, checkpoint_entries=60, answers_max=6, alarms_max=8, ended_max=6
        )
        return SchedulerNode(
            config, self.site, self.fleet, boot, signer=self.lead, keyring=self.keyring
        )

    def rows(self) -> list[Row]:
        return [
            Row(*place, value) for place, value in sorted(self.disk.items()) if place[0] != "life"
        ]

    def take_image(self) -> None:
        self.images = [*self.images[-2:], (dict(self.disk), copy.deepcopy(self.books))]

    def go_back(self, index: int) -> None:
        """Begin again on an old image of the disk; what is younger is no past of it."""
        index %= len(self.images)
        self.disk, self.books = dict(self.images[index][0]), copy.deepcopy(self.images[index][1])
        del self.images[index + 1 :]
        self.has_gone_back = True
        self.start()

    # --- effects --------------------------------------------------------------------------------

    def carry_out(self) -> list[Effect]:
        effects = self.scheduler.take_effects()
        for effect in effects:
            match effect:
                case Persist() | Erase():
                    write(self.disk, effect)
                case Archive():
                    self.archive.append(effect)
                case Publish() if "/view/" not in effect.topic:
                    self._publish(effect)
                case Solve():
                    self.problems.append(effect.problem)
        return effects

    def _publish(self, effect: Publish) -> None:
        received = codec.decode(effect.payload, self.keyring)
        parsed = topics.parse(effect.topic)
        assert parsed is not None
        self._judge(parsed.node, received)
        self.published = [*self.published[-300:], (effect.topic, received.body)]
        if parsed.channel == "stop":
            self.mail += [(name, effect.topic, effect.payload) for name in self.puppets]
        elif parsed.node in self.puppets:
            self._offer(self.puppets[parsed.node], received)
            self.mail.append((parsed.node, effect.topic, effect.payload))

    def _offer(self, puppet: Puppet, received: Received) -> None:
        body, header = received.body, received.header
        if isinstance(body, messages.Grant | messages.Renew):
            puppet.offers.append(Offer(body, header.epoch, header.expiry_ns))

    # --- the witness ----------------------------------------------------------------------------

    def _judge(self, node: NodeId, received: Received) -> None:
        body, epoch = received.body, received.header.epoch
        assert self.epochs.setdefault(epoch, self.boots) == self.boots, "two lives lead one epoch"
        assert epoch >= self.life_epoch or self.has_gone_back, "an epoch went back"
        self.life_epoch = epoch
        if isinstance(body, messages.Command) and not isinstance(body, messages.Renew):
            known = self.commands.setdefault(body.command, body)
            assert known == body, f"{body.command} is two commands"
        match body:
            case messages.Grant():
                if body.authority not in self.authorities:
                    self._judge_ground(node, body, epoch, (0.0, body.stop_m))
                    self._judge_on_disk(node, body)
                self.authorities[body.authority] = body
                self.stops_m[body.authority] = body.stop_m
            case messages.Renew():
                grant = self.authorities.get(body.authority)
                from_m = self.stops_m.get(body.authority, body.stop_m)
                if grant is not None and body.stop_m > from_m + ROUNDING_M:
                    self._judge_ground(node, grant, epoch, (from_m, body.stop_m))
                    self.stops_m[body.authority] = body.stop_m
                assert not self.books.tags.get(node), "renewed for a machine that is locked out"
            case messages.Assign():
                self._judge_task(node, body)
            case Unlock():
                self.books.tags[node] = max(0, self.books.tags.get(node, 0) - 1)

    def _judge_ground(
        self, node: NodeId, grant: messages.Grant, epoch: int, window_m: tuple[float, float]
    ) -> None:
        """Judge ground that is given out for the first time."""
        for name in self.puppets:
            told = self.counted.get(name) == (epoch, self.news[name][0])
            assert told or name in self.vouched, f"ground for {node} before {name} is counted"
        assert not self.books.tags.get(node), "ground for a machine that is locked out"
        begin_m = window_m[0] + (grant.overlap_m if window_m[0] else 0.0)
        path = cut_path(grant.path, begin_m, window_m[1] + grant.overlap_m)
        strip = Strip(tuple(path), grant.half_width_m)
        for zone, area in self.books.zones.items():
            start = Strip(grant.path[:1], grant.half_width_m)
            is_way_out = window_m[0] == 0.0 and gap_to_area_m(start, area) <= 0.0
            assert is_way_out or gap_to_area_m(strip, area) > 0.0, f"ground in {zone}, closed"

    def _judge_on_disk(self, node: NodeId, grant: messages.Grant) -> None:
        self.replay()
        granted = self.replica.core.state.nodes[node].granted
        assert granted is not None, "a grant that no journal knows"
        assert granted.id == grant.authority, "a grant that no journal knows"

    def _judge_task(self, node: NodeId, assign: messages.Assign) -> None:
        attempt = (assign.task, assign.attempt)
        assert self.books.given.setdefault(attempt, node) == node, "one attempt, two nodes"
        assert assign.task not in self.books.ends, "given out after its end"

    def replay(self) -> None:
        """Have the replica go on with what is on the disk."""
        rows = [
            row
            for row in self.rows()
            if row.table in (CHECKPOINT, JOURNAL) and row.number > self.fed_no
        ]
        if rows:
            assert self.replica.replay(rows) == 0, "a replay decides otherwise"
            self.fed_no = max(row.number for row in rows)

    def look(self) -> SchedulerState:
        """Take note of what has ended; give the state."""
        state = self.scheduler.core.state
        for task, entry in state.tasks.items():
            ended = self.books.ends.get(task)
            if ended is not None:
                assert entry.phase.value == ended, f"{task} ended twice"
            elif entry.phase in ENDED:
                self.books.ends[task] = entry.phase.value
        return state

    # --- the post -------------------------------------------------------------------------------

    def post(self, node: NodeId, body: messages.Message) -> None:
        """Let a node say something; it may arrive late or never."""
        puppet = self.puppets.get(node)
        if puppet is not None and puppet.is_mute:
            return
        if puppet is not None:
            self.node_boots[node] = puppet.boot
        channel = _CHANNELS.get(type(body), "ask")
        topic = topics.build(self.site.name, node, channel)
        self.mail.append((None, topic, self.frame(self.signers[node], body)))

    def deliver(self, mail: Mail) -> None:
        to, topic, payload = mail
        if to is None:
            with contextlib.suppress(RemoteProtocolError):
                self._count(codec.decode(payload, self.keyring))
            self.hear(topic, payload)
            return
        puppet = self.puppets[to]
        if not puppet.is_mute:
            reply = puppet.hear(codec.decode(payload, self.keyring), self)
            if reply is not None:
                self.post(to, reply)
            self.upload(puppet)

    def upload(self, puppet: Puppet) -> None:
        for upload in puppet.uploads:
            self.post(puppet.name, upload)

    def _count(self, received: Received) -> None:
        """Note what the scheduler learns by a word that is about to be delivered."""
        header, body = received.header, received.body
        node, boot = header.node, header.boot
        if isinstance(body, messages.Upload | messages.TimeRequest):
            return
        newest = self.news.get(node, (0, 0))
        is_new_life = boot > newest[0] and isinstance(body, messages.Birth | messages.Heartbeat)
        if not is_new_life and (boot != newest[0] or header.number <= newest[1]):
            return
        self.news[node] = (boot, header.number)
        if node in self.vouched:
            del self.vouched[node]
            self.counted.pop(node, None)
        if isinstance(body, messages.Heartbeat):
            self.counted[node] = (body.situation.epoch, boot)


_CHANNELS: dict[type[messages.Message], str] = {
    messages.Birth: "node",
    messages.Heartbeat: "node",
    messages.Farewell: "node",
    messages.CommandReply: "reply",
    messages.Upload: "up/state",
}


def gap_m(one: Strip, other: Strip) -> float:
    """Give the distance between two strips; negative where they meet."""
    between_m = path_to_path(one.points, other.points)
    return between_m - one.half_width_m - other.half_width_m


def gap_to_area_m(strip: Strip, area: Polygon) -> float:
    """Give the distance of a strip from a convex area; at most 0 where they meet."""
    if any(contains(area, point) for point in strip.points):
        return 0.0
    return path_to_path(strip.points, (*area, area[0])) - strip.half_width_m
