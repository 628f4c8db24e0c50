"""Who acts in the small scope: an agent with its machine, and a scheduler, each with its disk.

A party is the production node and what it alone touches. It takes one input and gives what it
published; nothing else of the world is known to it. So what an input makes of it can be computed
once and looked up ever after.
"""

from typing import NamedTuple

from lunaredge.agent.node import AgentNode
from lunaredge.ids import BootId, NodeId
from lunaredge.model.fleet import NodeSpec
from lunaredge.node import Actuate, Archive, Effect, Erase, Note, Persist, Publish, Solve
from lunaredge.scheduler.candidates import PlacementProblem
from lunaredge.scheduler.node import SchedulerNode
from lunaredge.scheduler.paths import RouteProblem
from lunaredge.scheduler.solve import solve
from lunaredge.sim.checkers.evidence import TrueBody
from lunaredge.sim.disk import Disk
from lunaredge.sim.keys import Keys
from lunaredge.sim.process import BOOT_RANDOM_BITS
from lunaredge.sim.scenarios.plan import START_NS
from lunaredge.sim.scope import crossing
from lunaredge.sim.scope.cart import Cart
from lunaredge.units import NS_PER_S, ns_from_s
from lunaredge.wire import topics

# A machine at full speed covers a fifth of its length in this time: overlaps can't slip through.
TRUTH_PERIOD_NS = NS_PER_S


class Said(NamedTuple):
    """A message as it left its sender."""

    at_ns: int
    topic: str
    payload: bytes


class Seen(NamedTuple):
    """Where a machine truly was."""

    at_ns: int
    body: TrueBody


class Shop:
    """What every life is made from: the settings, the keys, the site. Never changes."""

    def __init__(self) -> None:
        self.site = crossing.site()
        self.fleet = crossing.fleet()
        self.keys = Keys(self.fleet)
        self.scheduler_config = crossing.scheduler_config()
        self.specs = {spec.name: spec for spec in self.fleet.nodes}
        self.agent_configs = {
            name: crossing.agent_config(spec) for name, spec in self.specs.items()
        }

    def agent(self, name: NodeId, boot: BootId) -> AgentNode:
        """Give an agent that has begun no life yet."""
        keys = self.keys
        return AgentNode(self.agent_configs[name], boot, keys.signer(name), keys.keyring)

    def scheduler(self, boot: BootId) -> SchedulerNode:
        """Give a scheduler that has begun no life yet."""
        return SchedulerNode(
            self.scheduler_config,
            self.site,
            self.fleet,
            boot,
            signer=self.keys.signer(topics.SCHEDULER),
            keyring=self.keys.keyring,
        )

    def shared(self) -> dict[str, object]:
        """Name what parties share, and never change."""
        named: dict[str, object] = {
            "shop": self,
            "site": self.site,
            "fleet": self.fleet,
            "scheduler_config": self.scheduler_config,
            "keyring": self.keys.keyring,
        }
        named |= {f"signer {name}": signer for name, signer in self.keys.signers.items()}
        named |= {f"spec {name}": spec for name, spec in self.specs.items()}
        named |= {f"agent_config {name}": each for name, each in self.agent_configs.items()}
        return named


class Rover:
    """An agent, its disk and its machine."""

    def __init__(self, shop: Shop, spec: NodeSpec) -> None:
        assert spec.home is not None
        self.name = spec.name
        self.node: AgentNode | None = None
        self.disk = Disk()
        self.cart = Cart(spec.name, spec.home, START_NS)
        self.said: list[Said] = []
        self.seen: list[Seen] = []
        self._shop = shop

    def start(self, now_ns: int) -> None:
        """Begin a life from what is on disk."""
        assert self.node is None
        self.node = node = self._shop.agent(self.name, _next_boot(self.disk, 1))
        node.restore(self.disk.rows(), now_ns)
        node.connected(now_ns)
        node.attached(self.cart.attach(), now_ns)
        node.sense(self.cart.sample(), now_ns)
        self._carry_out(now_ns)

    def kill(self) -> None:
        """End the life; the machine goes on by itself until its set-point dies."""
        self.node = None

    def carry(self) -> None:
        """Have the machine carried to beside the other's way."""
        self.cart.carry(crossing.BESIDE)

    def receive(self, topic: str, payload: bytes, now_ns: int) -> None:
        """Take a message."""
        assert self.node is not None
        self.node.receive(topic, payload, now_ns)
        self._carry_out(now_ns)

    def elapse(self, now_ns: int, to_ns: int) -> None:
        """Let time pass: the machine drives, samples come, and what is due is done."""
        sample_ns = ns_from_s(crossing.SAMPLE_PERIOD_S)
        while now_ns < to_ns:
            due_ns = [to_ns, _next_multiple(now_ns, TRUTH_PERIOD_NS)]
            wakeup_ns = None if self.node is None else self.node.wakeup_ns()
            if wakeup_ns is not None:
                due_ns.append(max(wakeup_ns, now_ns))
            now_ns = min(due_ns)
            self.cart.advance(now_ns)
            if now_ns % TRUTH_PERIOD_NS == 0:
                self.seen.append(Seen(now_ns, self.cart.body()))
            if self.node is None:
                continue
            if now_ns % sample_ns == 0:
                self.node.sense(self.cart.sample(), now_ns)
                self._carry_out(now_ns)
            if wakeup_ns is not None and wakeup_ns <= now_ns:
                self.node.tick(now_ns)
                self._carry_out(now_ns)

    def _carry_out(self, now_ns: int) -> None:
        assert self.node is not None
        for effect in self.node.take_effects():
            if isinstance(effect, Actuate):
                self.cart.take(effect.order)
            else:
                _keep_or_say(effect, self.disk, self.said, now_ns)


class Leader:
    """A scheduler and its disk. ``rank`` tells two of them apart that share a past."""

    def __init__(self, shop: Shop, rank: int) -> None:
        self.rank = rank
        self.node: SchedulerNode | None = None
        self.disk = Disk()
        self.said: list[Said] = []
        self._shop = shop

    def start(self, now_ns: int) -> None:
        """Begin a life from what is on disk, and lead."""
        assert self.node is None
        self.node = node = self._shop.scheduler(_next_boot(self.disk, self.rank))
        node.restore(self.disk.rows(), now_ns)
        node.connected(now_ns)
        self._carry_out(now_ns)

    def kill(self) -> None:
        """End the life."""
        self.node = None

    def receive(self, topic: str, payload: bytes, now_ns: int) -> None:
        """Take a message."""
        assert self.node is not None
        self.node.receive(topic, payload, now_ns)
        self._carry_out(now_ns)

    def elapse(self, now_ns: int, to_ns: int) -> None:
        """Let time pass: what is due is done."""
        while self.node is not None:
            wakeup_ns = self.node.wakeup_ns()
            if wakeup_ns is None or wakeup_ns > to_ns:
                return
            now_ns = max(now_ns, wakeup_ns)
            self.node.tick(now_ns)
            self._carry_out(now_ns)

    def _carry_out(self, now_ns: int) -> None:
        node = self.node
        assert node is not None
        while effects := node.take_effects():
            for effect in effects:
                if isinstance(effect, Solve):
                    assert isinstance(effect.problem, RouteProblem | PlacementProblem)
                    solution = solve(node.core.ctx.ground, effect.problem)
                    node.solved(solution, now_ns)
                else:
                    _keep_or_say(effect, self.disk, self.said, now_ns)
        assert not node.core.state.quarantined, "an input made the scheduler's core fail"


Party = Rover | Leader


def _keep_or_say(effect: Effect, disk: Disk, said: list[Said], now_ns: int) -> None:
    if isinstance(effect, Persist | Erase):
        disk.commit([effect])
    elif isinstance(effect, Publish):
        said.append(Said(now_ns, effect.topic, effect.payload))
    else:
        # Notes are for people, and nobody looks into the archive here.
        assert isinstance(effect, Archive | Note), f"a small scope has no {type(effect).__name__}"


def _next_boot(disk: Disk, rank: int) -> BootId:
    disk.boots += 1
    return BootId(disk.boots << BOOT_RANDOM_BITS | rank)


def _next_multiple(now_ns: int, period_ns: int) -> int:
    return (now_ns // period_ns + 1) * period_ns
