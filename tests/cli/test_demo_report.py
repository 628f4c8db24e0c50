import pytest

from lunaredge.cli.demo.report import tell_of_earth
from lunaredge.units import NS_PER_S


@pytest.mark.parametrize(
    ("outages_ns", "told", "drained_ns", "outages", "drained_s"),
    [
        ([100 * NS_PER_S], 1, 160 * NS_PER_S, 1, 150.0),
        # The gateway was killed in the outage: it counts from its start, and knows of none.
        ([100 * NS_PER_S], 0, 160 * NS_PER_S, 1, 150.0),
        # One that nobody planned, besides.
        ([100 * NS_PER_S], 2, 160 * NS_PER_S, 2, 150.0),
        ([], 1, 160 * NS_PER_S, 1, 150.0),
        # What was drained before the outage was the first contact's.
        ([100 * NS_PER_S], 1, 20 * NS_PER_S, 1, None),
        ([100 * NS_PER_S], 1, None, 1, None),
        ([], 0, 20 * NS_PER_S, 0, None),
    ],
)
def test_outages_are_counted_by_the_plan_and_by_what_the_gateway_saw(
    outages_ns: list[int], told: int, drained_ns: int | None, outages: int, drained_s: float | None
) -> None:
    link: dict[str, object] = {"outages": told, "drained_ns": drained_ns}

    earth = tell_of_earth([], link, outages_ns, start_ns=10 * NS_PER_S)

    assert (earth["outages"], earth["drained_s"]) == (outages, drained_s)
