import math

import pytest

from lunaredge.agent.terrain import ScanLog
from lunaredge.model.task import Leg, Tool
from lunaredge.wire.messages import RecordClass, Upload
from lunaredge.wire.records import PATCH_POINTS_MAX, TerrainPatch, unpack_points
from tests.agent.rig import Rig

LEG = Leg(path=((0.0, 0.0), (8.0, 0.0)), tool=Tool.SCANNER)


def patches(rig: Rig) -> list[int]:
    return [len(unpack_points(patch.points)) for patch in rig.kept(TerrainPatch)]


def test_a_scanned_leg_ends_with_a_patch_of_its_points() -> None:
    rig = Rig()
    rig.drive_off(LEG, LEG)
    rig.machine.scan = ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))

    rig.run(20)
    assert patches(rig) == []
    rig.run(15)

    assert patches(rig) == [10]
    assert {u.record_class for u in rig.all(Upload) if b"terrain" in u.record} == {
        RecordClass.EVENT
    }
    assert rig.kept(TerrainPatch)[0].task == "t1"


def test_many_points_make_several_patches() -> None:
    rig = Rig()
    rig.drive_off(LEG)
    rig.machine.scan = ((1.0, 2.0, 3.0),) * 2000

    rig.run(60)

    assert patches(rig) == [PATCH_POINTS_MAX, PATCH_POINTS_MAX, 10_000 - 2 * PATCH_POINTS_MAX]


def test_without_a_scanner_nothing_is_collected() -> None:
    rig = Rig()
    rig.machine.scan = ((1.0, 2.0, 3.0),)

    rig.drive_off(Leg(path=LEG.path, tool=Tool.BLADE))
    rig.run(60)

    assert patches(rig) == []


def test_a_cancelled_leg_keeps_what_it_measured() -> None:
    rig = Rig()
    rig.drive_off(LEG)
    rig.machine.scan = ((1.0, 2.0, 3.0),)
    rig.run(10)

    rig.cancel()

    assert patches(rig) == [2]


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e30])
def test_a_point_that_can_not_be_is_left_out(value: float) -> None:
    log = ScanLog()

    log.add(((1.0, 2.0, value), (1.0, 2.0, 3.0)))

    assert log.flush() == [(1.0, 2.0, 3.0)]
    assert log.flush() == []
