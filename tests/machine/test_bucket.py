import math

import msgspec
import pytest

from lunaredge.machine.bucket import Bucket
from lunaredge.machine.ground import Ground
from lunaredge.model.fleet import Capability
from lunaredge.model.task import Dig, Dump, Load, WorkGoal
from tests.machine.proving_ground import ONE, node, site, spec

NEAR = (21.0, 20.0)
DIG = Dig(zone="pit", pile="heap", mass_kg=50.0)


def bucket_on(ground: Ground, **changes: float) -> Bucket:
    machine = spec(**changes)
    return Bucket(node(ONE, NEAR, machine), machine, ground)


def carry_out(bucket: Bucket, goal: WorkGoal) -> int:
    """Work until done; gives how many seconds it took."""
    assert bucket.refusal(goal, NEAR) is None
    bucket.begin(goal)
    for second in range(1000):
        if not bucket.busy:
            return second
        bucket.step(1.0)
    raise AssertionError("it never ended")


def test_a_dig_ends_when_the_mass_has_left_the_zone() -> None:
    ground = Ground(site())

    seconds = carry_out(bucket_on(ground), DIG)

    assert seconds == 100
    assert ground.pit_kg("pit") == pytest.approx(50.0)
    assert ground.pile_kg("heap") == pytest.approx(50.0)


def test_a_dig_takes_no_more_than_asked() -> None:
    ground = Ground(site())

    carry_out(bucket_on(ground), Dig(zone="pit", pile="heap", mass_kg=10.3))

    assert ground.pit_kg("pit") == pytest.approx(10.3)


def test_repeating_a_reached_dig_moves_nothing() -> None:
    ground = Ground(site())
    carry_out(bucket_on(ground), DIG)

    seconds = carry_out(bucket_on(ground), DIG)

    assert seconds == 0
    assert ground.pit_kg("pit") == pytest.approx(50.0)


def test_another_machine_goes_on_where_the_first_was_stopped() -> None:
    ground = Ground(site())
    first = bucket_on(ground)
    assert first.refusal(DIG, NEAR) is None
    first.begin(DIG)
    for _ in range(60):
        first.step(1.0)

    seconds = carry_out(bucket_on(ground), DIG)

    assert seconds == 40


def test_a_load_ends_when_the_bed_is_full() -> None:
    ground = Ground(site())
    bucket = bucket_on(ground)
    carry_out(bucket, DIG)

    carry_out(bucket, Load(pile="heap"))

    assert bucket.payload_kg == pytest.approx(30.0)
    assert ground.pile_kg("heap") == pytest.approx(20.0)
    assert bucket.status is not None
    assert not bucket.status.found_empty


def test_a_load_takes_the_rest_and_says_that_the_pile_is_empty() -> None:
    ground = Ground(site())
    bucket = bucket_on(ground)
    carry_out(bucket, Dig(zone="pit", pile="heap", mass_kg=12.0))

    carry_out(bucket, Load(pile="heap"))

    assert bucket.payload_kg == pytest.approx(12.0)
    assert bucket.status is not None
    assert bucket.status.found_empty


def test_a_pile_that_never_was_is_empty() -> None:
    bucket = bucket_on(Ground(site()))

    seconds = carry_out(bucket, Load(pile="nothing"))

    assert seconds == 0
    assert bucket.status is not None
    assert bucket.status.found_empty


def test_a_dump_moves_the_whole_payload() -> None:
    ground = Ground(site())
    bucket = bucket_on(ground)
    carry_out(bucket, DIG)
    carry_out(bucket, Load(pile="heap"))

    carry_out(bucket, Dump(pile="berm"))

    assert bucket.payload_kg == 0.0
    assert ground.pile_kg("berm") == pytest.approx(30.0)


def test_mass_is_never_made_or_lost() -> None:
    ground = Ground(site())
    bucket = bucket_on(ground)
    carry_out(bucket, DIG)

    for _ in range(3):
        carry_out(bucket, Load(pile="heap"))
        carry_out(bucket, Dump(pile="berm"))

    assert sum(ground.piles_kg().values()) == pytest.approx(sum(ground.pits_kg().values()))


def test_progress_rises_to_one() -> None:
    bucket = bucket_on(Ground(site()))
    assert bucket.refusal(DIG, NEAR) is None
    bucket.begin(DIG)
    seen = []

    while bucket.busy:
        bucket.step(10.0)
        assert bucket.status is not None
        seen.append(bucket.status.progress_ratio)

    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@pytest.mark.parametrize(
    ("goal", "place", "reason"),
    [
        (Dig(zone="moon", pile="heap", mass_kg=1.0), NEAR, "unknown"),
        (Dig(zone="pit", pile="heap", mass_kg=math.nan), NEAR, "unknown"),
        (DIG, (60.0, 60.0), "out_of_reach"),
        (Load(pile="heap"), (60.0, 60.0), "out_of_reach"),
    ],
)
def test_a_goal_that_cannot_be_worked_on_is_refused(
    goal: WorkGoal, place: tuple[float, float], reason: str
) -> None:
    assert bucket_on(Ground(site())).refusal(goal, place) == reason


def test_a_machine_without_the_tool_is_unable() -> None:
    bucket = bucket_on(Ground(site()), dig_kg_s=0.0, load_kg_s=0.0)

    assert bucket.refusal(DIG, NEAR) == "unable"
    assert bucket.refusal(Dump(pile="heap"), NEAR) == "unable"


def test_a_machine_of_another_trade_is_unable() -> None:
    machine = spec()
    surveyor = msgspec.structs.replace(node(ONE, NEAR, machine), capabilities=(Capability.SURVEY,))

    bucket = Bucket(surveyor, machine, Ground(site()))

    assert bucket.refusal(DIG, NEAR) == "unable"
