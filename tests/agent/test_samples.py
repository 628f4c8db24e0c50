"""What a sample may change: nothing by one that can't be true, and straying not by the next one."""

import msgspec
import pytest

from lunaredge.agent.authority import Lease
from lunaredge.model.task import Leg
from lunaredge.wire.driver import Follow, Halt, Sample
from lunaredge.wire.messages import Heartbeat
from lunaredge.wire.records import Event
from tests.agent.rig import Rig
from tests.agent.test_homing import ON_THE_WAY_S, stranded
from tests.agent.toy_machine import PATH

DRIVE = Leg(path=PATH)
UNITS = {"m", "rad", "deg", "wh", "w", "kg", "c", "ratio"}


def lease(rig: Rig) -> Lease:
    held = rig.node._parts.pilot.leasing.lease
    assert held is not None
    return held


def underway() -> Rig:
    rig = Rig()
    rig.drive_off(DRIVE)
    rig.run(20)
    return rig


@pytest.mark.parametrize("trait", [{"pitch_deg": float("nan")}, {"battery_wh": -1.0}])
def test_a_sample_that_can_not_be_true_moves_no_authority(trait: dict[str, float]) -> None:
    rig = underway()
    before = lease(rig)

    lie = msgspec.structs.replace(rig.machine.sample(rig.now_ns), station_m=45.0, **trait)
    rig.node.sense(lie, rig.now_ns)
    rig.carry_out()

    assert (lease(rig).station_m, lease(rig).released_m) == (before.station_m, before.released_m)


@pytest.mark.parametrize("value", [1e6, 1e7, 1e8, 1e9, 1e10])
@pytest.mark.parametrize(
    "field", [field for field in Sample.__struct_fields__ if field.rpartition("_")[2] in UNITS]
)
def test_what_a_board_believes_of_its_machine_the_scheduler_can_read(
    field: str, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig()
    rig.prove()
    honest, beats = rig.machine.sample, len(rig.all(Heartbeat))

    def lying(now_ns: int) -> Sample:
        return msgspec.structs.replace(honest(now_ns), **{field: value})

    monkeypatch.setattr(rig.machine, "sample", lying)

    rig.run(2 * rig.settings.heartbeat_period_s)

    assert len(rig.all(Heartbeat)) > beats


def test_a_station_that_the_place_contradicts_gives_nothing_back() -> None:
    rig = underway()
    before = lease(rig)

    lie = msgspec.structs.replace(rig.machine.sample(rig.now_ns), station_m=45.0)
    rig.node.sense(lie, rig.now_ns)
    rig.carry_out()

    assert lie.x_m < 20.0
    assert (lease(rig).station_m, lease(rig).released_m) == (before.station_m, before.released_m)
    assert isinstance(rig.orders(object)[-1], Halt)


def test_once_off_its_corridor_a_machine_does_not_go_on_for_being_back_in_it() -> None:
    rig = underway()
    outside = msgspec.structs.replace(rig.machine.sample(rig.now_ns), y_m=5.0)
    orders = len(rig.orders(Follow))

    rig.node.sense(outside, rig.now_ns)
    rig.carry_out()
    rig.sense()
    rig.run(60)

    assert isinstance(rig.orders(object)[-1], Halt) or rig.state == "requesting"
    assert len(rig.orders(Follow)) == orders
    assert any(code == "authority_given_up" for code in rig.codes(Event))


def test_a_sample_of_an_earlier_order_takes_a_machine_no_farther_home() -> None:
    rig = Rig()
    stranded(rig)
    rig.run(rig.settings.reach_s + rig.settings.go_home_after_s + ON_THE_WAY_S)
    before = lease(rig).station_m

    late = msgspec.structs.replace(rig.machine.sample(rig.now_ns), station_m=34.0, order_no=1)
    rig.node.sense(late, rig.now_ns)

    assert lease(rig).station_m == before
