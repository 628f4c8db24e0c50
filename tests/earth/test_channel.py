import random

from lunaredge.earth.channel import Channel, Mishaps
from lunaredge.units import NS_PER_S
from tests.earth.rig import LIGHT_S, plan_of, seconds

LIGHT_NS = round(LIGHT_S * NS_PER_S)


def channel_of(plan, rate_bps=8e3, mishaps=None, seed=1):
    return Channel(plan, rate_bps, mishaps or Mishaps(), random.Random(seed))


def test_the_last_bit_arrives_after_sending_and_light_time():
    channel = channel_of(plan_of((0, 100)))

    (first_ns,) = channel.send(500, seconds(0))
    (second_ns,) = channel.send(500, seconds(0))

    assert abs(first_ns - seconds(0.5) - LIGHT_NS) < 10
    assert abs(second_ns - seconds(1.0) - LIGHT_NS) < 10


def test_nothing_passes_that_is_sent_or_lands_outside_its_contact():
    channel = channel_of(plan_of((10, 20)))

    sent = [channel.send(100, seconds(at_s)) for at_s in (5, 15, 18.7, 25)]

    assert [len(arrivals) for arrivals in sent] == [0, 1, 0, 0]
    assert channel.counts.outage == 3


def test_the_buffer_takes_two_seconds_and_drops_the_rest():
    channel = channel_of(plan_of((0, 100)))

    taken = [bool(channel.send(500, seconds(0))) for _ in range(8)]

    assert taken == [True] * 4 + [False] * 4
    assert channel.counts.over_rate == 4


def test_mishaps_come_in_the_shares_that_were_asked_for():
    mishaps = Mishaps(loss_ratio=0.2, duplicate_ratio=0.3, reorder_ratio=0.5)
    channel = channel_of(plan_of((0, 10_000)), 1e9, mishaps)

    arrivals = [channel.send(10, seconds(index)) for index in range(2_000)]

    assert 0.17 < channel.counts.lost / 2_000 < 0.23
    doubled = sum(len(times) == 2 for times in arrivals)
    assert 0.2 < doubled / 2_000 < 0.28
    flat = [at_ns - seconds(i) for i, times in enumerate(arrivals) for at_ns in times]
    held = sum(wait_ns > LIGHT_NS + NS_PER_S // 1000 for wait_ns in flat)
    assert 0.45 < held / len(flat) < 0.55


def test_the_same_seed_gives_the_same_mishaps():
    mishaps = Mishaps(loss_ratio=0.3, duplicate_ratio=0.3, reorder_ratio=0.3)
    first, second, other = (
        channel_of(plan_of((0, 1000)), 1e6, mishaps, seed) for seed in (1, 1, 2)
    )

    runs = [
        [channel.send(100, seconds(index)) for index in range(100)]
        for channel in (first, second, other)
    ]

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
