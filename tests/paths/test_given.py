"""What callers give: taken by the annotation, made plain, or refused by its key."""

import math
from collections.abc import Iterable

import msgspec
import numpy as np
import pytest

from lunaredge.errors import ConfigError
from lunaredge.paths import Drive, Pose
from lunaredge.paths.given import check_fields, checked, explained


class Crate(msgspec.Struct, frozen=True, kw_only=True):
    width_m: float
    count: int = 1
    corners: tuple[tuple[float, float], ...] = ()
    drive: Drive | None = None

    def __post_init__(self):
        check_fields(self, "no crate", "crate")


@checked("yard")
def put(
    pose: Pose, names: Iterable[str] = (), *, is_open: bool = False
) -> tuple[Pose, Iterable[str], bool]:
    return pose, names, is_open


@explained("yard")
def share(total_m: float, count: int) -> float:
    return total_m / count


@explained("yard")
def letters(count: int, names: Iterable[str] = ()) -> int:
    return count + sum(map(len, names))


def test_fields_are_made_plain():
    crate = Crate(width_m=np.float32(0.5), count=np.int64(3), corners=np.ones((2, 2)), drive="crab")

    assert crate == Crate(width_m=0.5, count=3, corners=((1.0, 1.0), (1.0, 1.0)), drive=Drive.CRAB)
    assert type(crate.width_m) is float
    assert type(crate.count) is int


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"width_m": "a"}, "crate: width_m: no crate, got 'a'; give a number"),
        ({"width_m": math.nan}, "crate: width_m: no crate, got nan; give a number"),
        ({"width_m": 10**400}, "width_m"),
        ({"width_m": True}, "got True"),
        ({"count": 1.5}, "crate: count: no crate, got 1.5; give a whole number"),
        ({"corners": ((0, 0), (1, "a"))}, r"corners\[1\]\[1\].*got 'a'; give a number"),
        ({"corners": ((0, 0), (1,))}, r"corners\[1\].*got \(1,\); give 2 values"),
        ({"drive": "sledge"}, "give a Drive: skid, ackermann, crab"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(fields, message):
    with pytest.raises(ConfigError, match=message):
        Crate(**{"width_m": 1.0, **fields})


def test_arguments_are_made_plain_by_place_and_by_name():
    expected = (Pose(1.0, 2.0, 3.0), ("a", "b"), True)

    assert put((1, 2, 3), iter("ab"), is_open=np.True_) == expected
    assert put(names=["a", "b"], pose=np.array((1, 2, 3)), is_open=True) == expected


def test_an_argument_of_the_wrong_kind_is_named():
    with pytest.raises(ConfigError, match=r"yard: pose: .*give x_m, y_m, heading_rad"):
        put((1.0, 2.0))
    with pytest.raises(ConfigError, match=r"yard: names\[1\]: .*got 2; give text"):
        put((0, 0, 0), (name for name in ("a", 2)))
    with pytest.raises(ConfigError, match=r"yard: is_open: .*give True or False"):
        put((0, 0, 0), is_open=None)


def test_what_a_function_does_not_know_it_refuses_itself():
    with pytest.raises(TypeError, match="far_m"):
        put((0, 0, 0), far_m=1.0)
    with pytest.raises(TypeError, match="positional"):
        put((0, 0, 0), (), 1)


def test_what_can_be_read_but_once_is_explained_too():
    assert letters(1, iter(["a", "bc"])) == letters(1, names=iter(["a", "bc"])) == 4
    with pytest.raises(ConfigError, match=r"names\[1\]: .*got 2; give text"):
        letters(1, iter(["a", 2]))
    with pytest.raises(ConfigError, match=r"names\[1\]: .*got 2; give text"):
        letters(1, names=(name for name in ["a", 2]))


def test_a_failure_is_explained_by_its_arguments_only_where_they_are_wrong():
    with pytest.raises(ConfigError, match=r"yard: count: .*got 'a'; give a whole number"):
        share(1.0, "a")
    with pytest.raises(ZeroDivisionError):
        share(1.0, 0)

    assert share(1.0, 2) == 0.5
