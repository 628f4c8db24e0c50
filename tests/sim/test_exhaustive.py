"""The small scope: every interleaving is safe, and none would be without what protects it."""

import json

import pytest

from lunaredge.agent import leasing
from lunaredge.agent.commands import Commands
from lunaredge.cli.main import main
from lunaredge.model.task import Dig
from lunaredge.scheduler import claims, space
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.paths import Chain
from lunaredge.scheduler.state import NodeEntry
from lunaredge.sim.exhaustive import Report, explore
from lunaredge.sim.scenarios.plan import START_NS
from lunaredge.sim.scope.cart import Cart
from lunaredge.sim.scope.crossing import EAST as EAST_NAME
from lunaredge.sim.scope.crossing import SETPOINT_LIFETIME_S
from lunaredge.sim.scope.frozen import Freezer
from lunaredge.sim.scope.parties import Rover, Seen, Shop
from lunaredge.sim.scope.search import Search
from lunaredge.sim.scope.starts import WAYS, starts
from lunaredge.sim.scope.watch import Watch, truth_of
from lunaredge.sim.scope.world import EAST, TICK_NS, Outcome, World
from lunaredge.units import NS_PER_S
from lunaredge.wire.codec import Received
from lunaredge.wire.driver import Follow, Work
from lunaredge.wire.seal import Role

# States within one step of the ways, as counted on the day that the search was made. Fewer would
# mean that something can't happen any more; more is more.
STATES_MIN = 4_000
# What must have been tried: lives and time, and each message that bears on an authority.
EVERYTHING = (
    *("tick", "kill", "start", "image", "split"),
    *("deliver Census", "deliver CommandReply", "deliver Heartbeat", "deliver Birth"),
    *("deliver AuthorityRequest", "deliver Grant", "deliver Defer"),
    *("deliver AuthorityRenewal", "deliver Renew", "double Grant", "double Renew"),
    *("deliver Shorten", "double Shorten"),
)


def test_nothing_overlaps_in_any_state_within_a_step_of_every_way() -> None:
    report = explore(depth=1)

    assert report.found is None
    assert report.complete
    assert report.depth == 1
    assert report.states > STATES_MIN
    assert report.transitions >= report.states - report.starts
    assert set(EVERYTHING) <= report.steps.keys()


def test_the_command_tells_scripts_how_far_it_came(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["sim", "--exhaustive", "--depth", "1", "--seconds", "0.5", "--json"])

    told = json.loads(capsys.readouterr().out)
    # Whoever had no time for a step has shown nothing.
    assert code == int(told["transitions"] == 0)
    assert not told["complete"]
    assert told["found"] is None
    assert {"states", "transitions", "depth", "violations", "wall_s"} <= told.keys()


def test_the_command_tells_people_the_steps_to_a_violation(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(space, "claims_of_others", lambda ctx, node: ())

    code = main(["sim", "--exhaustive", "--depth", "1"])

    told = capsys.readouterr().out
    assert code == 1
    assert "violations of I1, I2 and I3, and crashes: 1" in told
    assert "is granted 4.60 m deep into" in told
    assert "from: nothing goes wrong" in told


def test_a_search_whose_time_is_up_says_so() -> None:
    report = explore(depth=2, seconds=0.0, ways={"nothing goes wrong": WAYS["nothing goes wrong"]})

    assert not report.complete
    assert report.depth == 0


def test_the_claims_of_others_forgotten_are_found_at_depth_0(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(space, "claims_of_others", lambda ctx, node: ())

    report = searched("nothing goes wrong", 1)

    assert broken(report) == "I3"


def test_a_lease_that_never_ends_is_found_at_depth_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leasing.authority, "is_over", lambda lease, margin_ns, now_ns: False)

    report = searched("the scheduler is gone until leases end", 1)

    assert broken(report) == "I2"


def test_a_leader_without_a_census_is_found_at_depth_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "census_missing", lambda ctx: [])

    report = searched("the scheduler begins from an old image", 1)

    assert broken(report) == "I3"


def test_ground_freed_by_silence_is_found_at_depth_1(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = space.claim

    def claim(ctx: Context, node: NodeEntry) -> list[Chain]:
        silent_ns = ctx.now_ns - node.heard_ns
        return [] if silent_ns >= 40 * NS_PER_S else honest(ctx, node)

    monkeypatch.setattr(space, "claim", claim)

    report = searched("a driving agent restarts", 1)

    assert broken(report) == "I3"
    assert report.found is not None
    assert report.found.steps == ["deliver AuthorityRequest to scheduler"]


def test_a_renewal_that_undoes_a_shortening_is_found_at_depth_2(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claims, "_renewed_stop_m", lambda granted: granted.stop_m)

    report = searched("a waiting machine is carried to beside the other's way", 2)

    assert broken(report) == "shortening"


def test_an_older_leader_obeyed_is_found_at_depth_3(monkeypatch: pytest.MonkeyPatch) -> None:
    def credulous(commands: Commands, received: Received) -> str | None:
        return None if received.role is Role.SCHEDULER else "role"

    def accept(commands: Commands, epoch: int) -> None:
        commands.epoch = max(commands.epoch, epoch)

    monkeypatch.setattr(Commands, "refusal_of_word", credulous)
    monkeypatch.setattr(Commands, "accept", accept)
    name = "a second scheduler leads, unheard by the first"
    world = World()
    begins = {
        state: where
        for state, where in starts(world, {name: WAYS[name]}).items()
        if where.endswith("after 11 steps")
    }
    search = Search(world, begins)

    while search.extent.depth < 3 and search.deepen(lambda: False):
        pass

    found = search.extent.found
    assert found is not None
    assert found.violation.invariant == "I2"
    assert found.steps[-2:] == ["deliver Grant to rover-east", "tick"]


def test_the_watch_sees_two_bodies_in_one_place() -> None:
    shop = Shop()
    carts = [Rover(shop, spec).cart for spec in shop.fleet.nodes]
    for cart in carts:
        cart.x_m, cart.y_m = 0.0, 0.0

    truth = truth_of([[Seen(START_NS, cart.body())] for cart in carts])
    violation = Watch(shop).take(shop, [], truth)

    assert violation is not None
    assert violation.invariant == "I1"


def test_a_cart_stands_when_its_set_point_is_dead() -> None:
    cart = Cart(EAST_NAME, (0.0, 0.0), START_NS)
    order = Follow(
        order_no=1,
        basis_ns=0,
        path=((0.0, 0.0), (50.0, 0.0)),
        stop_m=40.0,
        speed_m_s=0.5,
        tool=None,
        tool_from_m=0.0,
    )

    cart.take(order)
    cart.advance(START_NS + 60 * NS_PER_S)

    assert cart.x_m == 0.5 * SETPOINT_LIFETIME_S
    assert cart.sample().at_rest


def test_the_watch_sees_work_without_an_authority_until_its_set_point_is_dead() -> None:
    shop = Shop()
    carts = [Rover(shop, spec).cart for spec in shop.fleet.nodes]
    dig = Dig(zone="pit", pile="heap", mass_kg=500.0)
    carts[0].take(Work(order_no=1, basis_ns=0, goal=dig))

    violations = []
    for at_ns in (START_NS, START_NS + 60 * NS_PER_S):
        for cart in carts:
            cart.advance(at_ns)
        truth = truth_of([[Seen(at_ns, cart.body())] for cart in carts])
        violations.append(Watch(shop).take(shop, [], truth))

    at_work, later = violations
    assert at_work is not None
    assert at_work.invariant == "I2"
    assert later is None


def test_a_party_looked_up_is_as_one_that_lived_through_it() -> None:
    world = Recording()
    starts(world, {"nothing goes wrong": WAYS["nothing goes wrong"]})
    lived = Rover(world.shop, world.shop.fleet.nodes[EAST])
    freezer = Freezer(world.shop)

    for call, what, now_ns, after in world.calls:
        if call == "start":
            lived.start(now_ns)
        elif call == "elapse":
            lived.elapse(now_ns, now_ns + TICK_NS)
        else:
            letter = world.letter(what)
            lived.receive(letter.topic, letter.payload, now_ns)
        lived.said.clear()
        lived.seen.clear()

        assert freezer.digest(lived) == freezer.digest(world.party(after))
    assert len(world.calls) > 20


class Recording(World):
    """A world that remembers what the first machine was told."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, int, int, int]] = []

    def outcome(self, party: int, call: str, what: int, now_ns: int) -> Outcome:
        """Give what an input makes of a party."""
        outcome = super().outcome(party, call, what, now_ns)
        before = self.party(party)
        if isinstance(before, Rover) and before.name == EAST_NAME:
            self.calls.append((call, what, now_ns, outcome.party))
        return outcome


def searched(way: str, depth: int) -> Report:
    """Search round one way."""
    return explore(depth, ways={way: WAYS[way]})


def broken(report: Report) -> str:
    """Give the invariant that broke."""
    assert report.violations == 1
    assert report.found is not None
    return report.found.violation.invariant
