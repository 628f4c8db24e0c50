"""Whoever gives a wrong problem is told so by key, value and remedy, before anything is planned."""

import datetime as dt
import decimal
import enum
import math
import random
import typing
import uuid
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from msgspec.structs import replace

from lunaredge.errors import ConfigError
from lunaredge.placement.check import check
from lunaredge.placement.problem import (
    After,
    Apart,
    Ceiling,
    Charger,
    Current,
    Level,
    Machine,
    Mode,
    Node,
    Problem,
    Resources,
    Setup,
    Task,
    Window,
)
from lunaredge.placement.travel import Travel
from tests.placement.problems import problems
from tests.placement.yard import JOULES, ROADS, SECONDS, board, dig, job, rover, site


class Colour(enum.Enum):
    RED = "red"


WRONG = (
    None,
    "x",
    "",
    "5",
    "\ud800",
    b"x",
    True,
    0,
    -1,
    1.5,
    2.0,
    2**70,
    -(2**70),
    10**400,
    math.nan,
    math.inf,
    -math.inf,
    1j,
    np.int64(1),
    np.float64(1.0),
    np.float32("nan"),
    np.array([1, 2]),
    (),
    [],
    {},
    {1: 2},
    {"task": "a"},
    set(),
    {"x"},
    ("x",),
    ["x", None],
    [[]],
    object(),
    int,
    len,
    iter(()),
    decimal.Decimal(1),
    uuid.UUID(int=1),
    dt.timedelta(1),
    Colour.RED,
    Level.RACK,
    Resources(),
    Window(from_s=0, until_s=9),
)
# What is wrong with one field may be seen at another.
SEEN_AT = {
    "battery_j": "charge_j",
    "place": "end_place",
    "from_s": "until_s",
    "is_fixed": "left_s",
    "id": "after",
}


def full() -> Problem:
    """Give a problem that has every kind of value."""
    running = Current(node="r", left_s=3, left_j=2, move_j=1)
    task = dig("a", end_place=2, after=(After(task="b", lag_s=1),), apart=Apart(group="g"))
    task = replace(task, current=running, capabilities=("dig",), only_on=("r",), not_on=("x",))
    node = replace(rover(has=Resources(tools=1)), capabilities=("dig",), board="k", rack="c")
    return site(
        replace(task, latest_s=50),
        job("b", needs=Resources(cpu_mcores=1)),
        node,
        board(),
        chargers=(Charger(place=2, posts=2),),
        bus=(Ceiling(from_s=0, power_w=100),),
        darkness=(Window(from_s=5, until_s=9),),
        setups=(Setup(source="any", target="dig", duration_s=2),),
    )


def with_at(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    """Give a value with another one at a path."""
    if not path:
        return new
    step, *rest = path
    if isinstance(step, int):
        return (*value[:step], with_at(value[step], tuple(rest), new), *value[step + 1 :])
    return replace(value, **{step: with_at(getattr(value, step), tuple(rest), new)})


def key_of(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)[1:]


STRUCTS: dict[tuple[str | int, ...], type[msgspec.Struct]] = {
    (): Problem,
    ("tasks", 0): Task,
    ("tasks", 0, "modes", 0): Mode,
    ("tasks", 0, "after", 0): After,
    ("tasks", 0, "apart"): Apart,
    ("tasks", 0, "current"): Current,
    ("tasks", 1, "needs"): Resources,
    ("nodes", 0): Node,
    ("nodes", 0, "has"): Resources,
    ("nodes", 0, "machine"): Machine,
    ("chargers", 0): Charger,
    ("bus", 0): Ceiling,
    ("darkness", 0): Window,
    ("setups", 0): Setup,
}
FIELDS = [
    pytest.param((*path, field.name), kind, id=key_of((*path, field.name)))
    for path, kind in STRUCTS.items()
    for field in msgspec.structs.fields(kind)
]


def does(value: Any, kind: Any) -> bool:
    """Tell whether a value is what an annotation asks for, in whatever kind of row."""
    if isinstance(value, np.integer):
        value = int(value)
    if isinstance(value, list):
        value = tuple(value)
    try:
        return bool(msgspec.convert(value, kind) == value or isinstance(value, str))
    except (msgspec.ValidationError, TypeError):
        return False


def told(problem: Problem) -> tuple[Problem, None] | tuple[None, ConfigError]:
    try:
        return check(problem, ROADS), None
    except ConfigError as error:
        return None, error


@pytest.mark.parametrize(("path", "kind"), FIELDS)
def test_every_wrong_value_of_every_field_is_told_by_its_key(path, kind):
    name = str(path[-1])
    asked = typing.get_type_hints(kind, include_extras=True)[name]
    key = key_of(path)
    for value in WRONG:
        made, error = told(with_at(full(), path, value))
        if error is not None:
            other = key.removesuffix(name) + SEEN_AT.get(name, name)
            assert error.key.startswith((key, other)), (value, error)
            assert error.remedy
        else:
            assert does(value, asked), value
            assert made == check(made, ROADS)


def refused(problem: Any, travel: Any = ROADS) -> tuple[str, object]:
    with pytest.raises(ConfigError) as caught:
        check(problem, travel)
    return caught.value.key, caught.value.value


def test_what_is_right_comes_back_as_it_is():
    assert check(full(), ROADS) == full()


def test_a_problem_with_nothing_in_it_is_right():
    empty = Problem(tasks=(), nodes=(), horizon_s=1)

    assert check(empty, Travel()) == empty


@given(problems())
def test_whatever_the_contract_speaks_of_is_right(pair):
    problem, travel = pair

    assert check(problem, travel) == problem


def test_lists_come_as_tuples_and_numpys_whole_numbers_as_ours():
    task = replace(dig(), modes=[Mode(kind="rover", duration_s=np.int64(4))])
    task = replace(task, capabilities=["dig"])
    made = check(site(task, rover(), horizon_s=np.int32(9), bus=[]), ROADS)

    assert made.tasks[0].capabilities == ("dig",)
    assert type(made.horizon_s) is int
    assert type(made.tasks[0].modes[0].duration_s) is int
    assert made.bus == ()


def test_neither_a_problem_nor_a_travel_may_be_something_else():
    for value in (None, "x", 5, [], object(), Travel()):
        assert refused(value) == ("problem", value)
    for value in (None, "x", 5, [], object(), full()):
        assert refused(full(), value) == ("travel", value)


def test_the_message_names_the_task():
    with pytest.raises(ConfigError, match=r"modes\[0\]\.duration_s: .* of task a, got -1; .*>= 1"):
        check(site(replace(dig(), modes=(Mode(kind="rover", duration_s=-1),))), ROADS)


def test_a_list_that_holds_itself_is_refused():
    endless: list[Any] = []
    endless.append(endless)

    assert refused(site(dig(after=endless)))[0].startswith(("problem", "tasks[0].after"))


def test_a_mapping_is_no_value_of_a_class():
    assert refused(site(dig(needs={"cpu": 5})))[0] == "tasks[0].needs"
    assert refused(site(dig(needs=Apart(group="g"))))[0] == "tasks[0].needs"


@pytest.mark.parametrize(
    ("problem", "key"),
    [
        (site(dig("a"), job("b"), dig("a")), "tasks[2].id"),
        (site(rover(), board(), board()), "nodes[2].id"),
        (site(replace(dig(), modes=dig().modes * 2)), "tasks[0].modes[1].kind"),
        (site(dig(place=4)), "tasks[0].place"),
        (site(dig(end_place=4)), "tasks[0].end_place"),
        (site(job(end_place=1)), "tasks[0].end_place"),
        (site(rover(place=4)), "nodes[0].machine.place"),
        (site(rover(mover="legs")), "nodes[0].machine.mover"),
        (site(rover(charge_j=101)), "nodes[0].machine.charge_j"),
        (site(chargers=(Charger(place=1), Charger(place=4))), "chargers[1].place"),
        (site(job("a", meets="x")), "tasks[0].meets"),
        (site(job("a", meets="a")), "tasks[0].meets"),
        (site(job("a", meets="b"), job("b", meets="c"), job("c")), "tasks[1].meets"),
        (site(job("a", meets="c"), job("b", meets="c"), job("c")), "tasks[1].meets"),
        (
            site(job("a", apart=Apart(group="g")), job("b", apart=Apart(group="g", level="rack"))),
            "tasks[1].apart.level",
        ),
        (site(bus=(Ceiling(from_s=1, power_w=1),)), "bus[0].from_s"),
        (site(bus=(Ceiling(from_s=0, power_w=1),) * 2), "bus[1].from_s"),
        (site(darkness=(Window(from_s=2, until_s=2),)), "darkness[0].until_s"),
        (site(darkness=(Window(from_s=2, until_s=1),)), "darkness[0].until_s"),
        (
            site(darkness=(Window(from_s=2, until_s=5), Window(from_s=4, until_s=6))),
            "darkness[1].from_s",
        ),
        (
            site(darkness=(Window(from_s=7, until_s=8), Window(from_s=2, until_s=5))),
            "darkness[1].from_s",
        ),
        (site(setups=(Setup(source="a", target="b", duration_s=1),) * 2), "setups[1]"),
    ],
)
def test_what_does_not_go_together_is_told_where_it_is_seen(problem, key):
    assert refused(problem)[0] == key


def fixed(name: str = "a", node: str = "r", **fields: Any) -> Task:
    running = Current(node=node, is_fixed=True, **{"left_s": 4, **fields})
    return dig(name, current=running)


@pytest.mark.parametrize(
    ("problem", "key"),
    [
        (site(fixed(left_s=None), rover()), "tasks[0].current.left_s"),
        (site(fixed(), board()), "tasks[0].current.node"),
        (site(replace(fixed(), place=None), rover()), "tasks[0].place"),
        (site(fixed(), fixed("b"), rover()), "tasks[1].current.node"),
        (site(replace(fixed(), meets="b"), job("b"), rover()), "tasks[0].meets"),
        (site(fixed(), job("b", meets="a"), rover()), "tasks[1].meets"),
    ],
)
def test_what_is_fixed_runs_somewhere_alone(problem, key):
    assert refused(problem)[0] == key


def test_what_is_only_infeasible_is_right():
    tasks = dig("a", approved_s=None, release_s=99, latest_s=-5), dig("b", after=(After(task="x"),))
    problem = site(*tasks, fixed("c"), rover(reserve_j=500), job("d", only_on=("nobody",)))

    assert check(problem, ROADS) == problem


def test_touching_windows_and_a_task_that_is_met_by_the_one_it_meets_are_right():
    windows = Window(from_s=1, until_s=4), Window(from_s=4, until_s=6)
    problem = site(job("a", meets="b"), job("b", meets="a"), darkness=windows)

    assert check(problem, ROADS) == problem


def test_there_are_so_many_kinds_families_and_capabilities_at_most():
    def named(**fields: Any) -> Problem:
        return site(replace(job(), **fields))

    names = tuple(f"x{k}" for k in range(300))
    kinds = [tuple(Mode(kind=name, duration_s=1) for name in names[:k]) for k in (256, 257)]
    setups = [
        tuple(Setup(source=name, target="any", duration_s=1) for name in names[:k])
        for k in (255, 256)
    ]

    check(named(capabilities=names[:63]), ROADS)
    check(named(modes=kinds[0]), ROADS)
    check(site(job(), setups=setups[0]), ROADS)
    assert refused(named(capabilities=names[:64])) == ("tasks[].capabilities", 64)
    assert refused(named(modes=kinds[1])) == ("nodes[].kind", 257)
    assert refused(site(job(), setups=setups[1])) == ("tasks[].family", 257)


def test_there_are_so_many_tasks_and_nodes_at_most(monkeypatch):
    monkeypatch.setattr("lunaredge.placement.check.TASKS_MAX", 2)
    monkeypatch.setattr("lunaredge.placement.check.NODES_MAX", 1)

    assert refused(site(job("a"), job("b"), job("c"))) == ("tasks", 3)
    assert refused(site(board("a"), board("b"))) == ("nodes", 2)


@pytest.mark.parametrize("wrong", [1.0, math.inf])
def test_who_stays_needs_neither_time_nor_energy(wrong):
    seconds = [list(row) for row in SECONDS]
    joules = [list(row) for row in JOULES]
    seconds[2][2] = joules[2][2] = wrong

    key, _ = refused(site(), Travel.of({"wheels": (SECONDS, JOULES), "legs": (seconds, joules)}))

    assert key == "travel.legs[2][2]"


@pytest.mark.parametrize(
    ("movers", "table", "key"),
    [
        (None, ROADS.table, "travel.movers"),
        ((5,), ROADS.table, "travel.movers"),
        (("wheels",), None, "travel.table"),
        (("wheels",), ROADS.table.astype(float), "travel.table"),
        (("wheels",), ROADS.table[0], "travel.table"),
        (("wheels",), ROADS.table[:, 1:], "travel.table"),
        ((), ROADS.table, "travel.table"),
        (("wheels", "wheels"), np.repeat(ROADS.table, 2, axis=0), "travel.movers[1]"),
        (("wheels",), ROADS.table - (np.arange(4) == 1)[:, None, None] * 9, "travel.wheels[1][0]"),
        (("wheels",), np.where(ROADS.table == 6, 1 << 40, ROADS.table), "travel.wheels[0][2]"),
        (("wheels",), np.where(ROADS.table == 6, -1, ROADS.table), "travel.wheels[0][2]"),
    ],
)
def test_a_table_of_travel_that_was_made_by_hand_is_checked(movers, table, key):
    assert refused(site(), Travel(movers=movers, table=table))[0] == key


def test_random_wrong_values_anywhere_never_end_in_another_error():
    rng = random.Random(5)
    paths = [param.values[0] for param in FIELDS]
    for _ in range(300):
        problem: Any = full()
        try:
            for path in rng.sample(paths, 3):
                problem = with_at(problem, path, rng.choice(WRONG))
        except (AttributeError, TypeError, IndexError, KeyError):
            continue
        made, error = told(problem)
        assert made is not None or error.key
