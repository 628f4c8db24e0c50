import msgspec

from lunaredge.machine.setpoint import Setpoint, Verdict
from lunaredge.model.task import Load, Tool
from tests.machine.proving_ground import follow, work

DRIVE = follow(5, (0.0, 0.0), (9.0, 0.0))
LIFETIME_NS = 1_000


def taken() -> Setpoint:
    setpoint = Setpoint(LIFETIME_NS)
    setpoint.take(DRIVE, 100)
    return setpoint


def test_an_order_lives_exactly_its_lifetime() -> None:
    setpoint = taken()

    assert setpoint.live(1_100) is DRIVE
    assert setpoint.live(1_101) is None


def test_a_refresh_lengthens_an_orders_life() -> None:
    setpoint = taken()

    setpoint.take(DRIVE, 600)

    assert setpoint.live(1_600) is DRIVE


def test_a_death_is_told_once() -> None:
    setpoint = taken()

    assert not setpoint.expire(1_100)
    assert setpoint.expire(1_101)
    assert not setpoint.expire(1_102)
    assert setpoint.lapsed


def test_a_dead_order_may_be_revived_by_itself() -> None:
    setpoint = taken()
    setpoint.expire(2_000)

    assert setpoint.judge(DRIVE) is Verdict.REFRESH
    setpoint.take(DRIVE, 2_000)

    assert setpoint.live(3_000) is DRIVE
    assert not setpoint.lapsed


def test_a_number_is_spent_once_its_order_is_halted_and_not_when_it_has_died() -> None:
    setpoint = Setpoint(LIFETIME_NS)
    assert setpoint.spent_no == 0

    setpoint.take(DRIVE, 100)
    setpoint.expire(2_000)
    assert setpoint.spent_no == DRIVE.order_no - 1

    setpoint.close()
    assert setpoint.spent_no == DRIVE.order_no

    setpoint.renumber()
    assert setpoint.spent_no == 0


def test_a_halted_order_never_comes_back() -> None:
    setpoint = taken()

    setpoint.close()

    assert setpoint.live(200) is None
    assert setpoint.judge(DRIVE) is Verdict.HALTED
    assert setpoint.judge(follow(6, (0.0, 0.0))) is Verdict.NEW


def test_an_older_number_is_stale_and_zero_is_none() -> None:
    setpoint = taken()

    assert setpoint.judge(follow(4, (0.0, 0.0))) is Verdict.STALE
    assert setpoint.judge(follow(0, (0.0, 0.0))) is Verdict.BAD_NUMBER


def test_a_refresh_may_move_the_stop_but_not_the_path() -> None:
    setpoint = taken()

    further = msgspec.structs.replace(DRIVE, stop_m=3.0, speed_m_s=0.1)
    elsewhere = msgspec.structs.replace(DRIVE, path=((0.0, 0.0), (9.0, 1.0)))
    tooled = msgspec.structs.replace(DRIVE, tool=Tool.BLADE)

    assert setpoint.judge(further) is Verdict.REFRESH
    assert setpoint.judge(elsewhere) is Verdict.CHANGED
    assert setpoint.judge(tooled) is Verdict.CHANGED
    assert setpoint.judge(work(5, Load(pile="heap"))) is Verdict.CHANGED


def test_another_goal_under_the_same_number_is_a_change() -> None:
    setpoint = Setpoint(LIFETIME_NS)
    setpoint.take(work(1, Load(pile="heap")), 0)

    assert setpoint.judge(work(1, Load(pile="heap"))) is Verdict.REFRESH
    assert setpoint.judge(work(1, Load(pile="other"))) is Verdict.CHANGED


def test_a_new_driver_starts_numbering_anew() -> None:
    setpoint = taken()

    setpoint.renumber()

    assert setpoint.live(200) is None
    assert setpoint.judge(follow(1, (0.0, 0.0))) is Verdict.NEW
