"""Both ends and the link between: nothing lost, nothing twice, whatever is killed or cut."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lunaredge.earth.channel import Mishaps
from lunaredge.earth.desk import ApprovalPolicy
from lunaredge.earth.gateway import GatewayConfig
from lunaredge.earth.line import LineState
from lunaredge.earth.outbox import OutboxConfig
from lunaredge.earth.station import EarthConfig
from lunaredge.ids import TaskId
from lunaredge.model.contact import LINK_PRESETS
from lunaredge.wire.codec import decode
from lunaredge.wire.messages import Answer, Approve, RecordClass, Upload
from lunaredge.wire.records import ApprovalWanted, encode_record
from tests.earth.rig import KEYRING, LIGHT_S, OPERATOR, SITE, World, plan_of, seconds

ROUGH = Mishaps(loss_ratio=0.25, duplicate_ratio=0.25, reorder_ratio=0.25)
OUTAGE = plan_of((0, 40), (100, 1_000))
AUTO = EarthConfig(site=SITE, preset="moonlight-s", approve=ApprovalPolicy.AUTO)
WISH = encode_record(ApprovalWanted(site_ns=0, task=TaskId("dig"), title="Pit"))


def yes(received):
    body = received.body
    return Answer(request=body.request, ok=True, text="approved") if body else None


def busy_world(**options):
    """Records of all sizes before, in and after an outage, and a wish for Earth's word."""
    world = World(OUTAGE, earth=AUTO, **options)
    world.answer = yes
    return world


def run_busily(world):
    world.run(5)
    for index in range(8):
        world.record(RecordClass.SUMMARY, bytes(300 + index))
        if index % 4 == 0:
            world.record(RecordClass.ALARM, bytes(40))
    world.record(RecordClass.STATE, bytes(2_500))
    world.record(RecordClass.EVENT, WISH)
    world.run(60)
    for index in range(4):
        world.record(RecordClass.RAW, bytes(900 + index))
        world.record(RecordClass.STATE, bytes(30))
    world.run(160)
    # Whatever was to be killed has been by now; the rest of the contact heals.
    world.gateway.kill_at_step = world.earth.kill_at_step = None
    world.run(900)


def assert_whole(world):
    doubled = [key for key, count in Counter(world.archived).items() if count > 1]
    assert doubled == []
    assert set(world.archived) == set(world.offered)
    assert world.gateway.node.outbox.items == 0
    assert world.sender.count == 0


def approvals(world):
    asked = [decode(request.payload, KEYRING).body for request in world.requests]
    return [body for body in asked if isinstance(body, Approve)]


def test_every_record_arrives_once_across_an_outage():
    world = busy_world()

    run_busily(world)

    assert_whole(world)
    assert world.down.counts.outage == world.down.counts.over_rate == 0
    assert world.up.counts.outage == world.up.counts.over_rate == 0


@pytest.mark.parametrize("mishaps", [Mishaps(), ROUGH], ids=["calm", "rough"])
@pytest.mark.parametrize("victim", ["gateway", "earth"])
def test_a_kill_at_any_step_loses_nothing_and_doubles_nothing(victim, mishaps):
    steps = 1
    step = 0

    while step < steps:
        world = busy_world(mishaps=mishaps, seed=step)
        shell = getattr(world, victim)
        shell.kill_at_step = step
        run_busily(world)
        steps = max(steps, shell.steps)
        assert_whole(world)
        assert len({body.request for body in approvals(world)}) == 1
        step += 1 if step < 30 else 4

    assert steps > 80


@given(
    st.integers(0, 1_000),
    st.floats(0, 0.6),
    st.lists(st.tuples(st.sampled_from(("gateway", "earth")), st.floats(0, 150)), max_size=4),
    st.lists(st.tuples(st.floats(0, 140), st.floats(1, 60)), max_size=3),
)
@settings(max_examples=settings().max_examples // 4, suppress_health_check=[HealthCheck.too_slow])
def test_any_mix_of_mishaps_kills_and_unplanned_outages_heals(seed, ratio, kills, cuts):
    mishaps = Mishaps(loss_ratio=ratio, duplicate_ratio=ratio, reorder_ratio=ratio)
    edges = [0.0]
    for start_s, length_s in sorted(cuts):
        edges += [max(start_s, edges[-1]), max(start_s + length_s, edges[-1])]
    pairs = zip(edges[::2], [*edges[1::2], 1_000.0], strict=True)
    truth = plan_of(*((start_s, end_s) for start_s, end_s in pairs if start_s < end_s))
    world = busy_world(mishaps=mishaps, truth=truth, seed=seed)
    for victim, at_s in kills:
        shell = getattr(world, victim)
        world.at(seconds(at_s), lambda shell=shell: shell.node and shell.kill())

    run_busily(world)
    world.run(1_000)

    doubled = [key for key, count in Counter(world.archived).items() if count > 1]
    held = world.gateway.node.outbox.items + world.sender.count
    assert doubled == []
    assert set(world.archived) <= set(world.offered)
    assert len(world.offered) - len(world.archived) <= held
    if ratio < 0.3:
        assert_whole(world)


def test_alarms_pass_a_backlog_that_waited_before_them():
    world = World(plan_of((100, 1_000)))
    world.run(10)
    for _ in range(300):
        world.record(RecordClass.SUMMARY, bytes(400))
    world.record(RecordClass.ALARM, bytes(40))
    world.run(110)

    assert world.archived[0] == (RecordClass.ALARM, 1)
    arrived = [seq for kind, seq in world.archived if kind is RecordClass.SUMMARY]
    assert arrived == sorted(arrived)


def test_an_alarm_in_the_middle_of_a_drain_is_there_within_seconds():
    world = World(plan_of((0, 1_000)), gateway=GatewayConfig(site=SITE, preset="lean"))
    for _ in range(1_000):
        world.record(RecordClass.SUMMARY, bytes(400))
    world.run(20)
    left = world.gateway.node.outbox.items

    world.record(RecordClass.ALARM, bytes(40))
    world.run(20 + LIGHT_S + 2.0)

    assert left > 500
    assert (RecordClass.ALARM, 1) in world.archived


@pytest.mark.parametrize(
    ("preset", "count", "contact_s"),
    [("lean", 2_500, 120.0), ("moonlight-s", 2_500, 7.0), ("relay", 3_200, 7.0)],
)
def test_a_drain_uses_nearly_all_of_the_plans_rate(preset, count, contact_s):
    config = GatewayConfig(site=SITE, preset=preset)
    world = World(plan_of((100, 100 + contact_s)), gateway=config)
    world.run(1)
    for _ in range(count):
        world.record(RecordClass.SUMMARY, bytes(400))
    world.run(100 + contact_s + 10)

    # A bit that leaves in the last light time cannot land; the guards are kept free on purpose.
    guards_s = 2 * config.line.guard_ns / 1e9
    usable_s = contact_s - LIGHT_S - guards_s
    rate_bps = LINK_PRESETS[preset].to_earth_bps
    share = world.down.counts.delivered_bytes * 8 / (rate_bps * usable_s)
    assert world.gateway.node.outbox.items > 0
    assert world.down.counts.outage == world.down.counts.over_rate == 0
    assert 0.95 < share <= 1.01


def test_nothing_is_begun_that_cannot_land_however_short_the_contacts():
    windows = [
        (start_s, start_s + length_s)
        for start_s, length_s in zip(
            range(10, 400, 20),
            (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16),
            strict=False,
        )
    ]
    world = World(plan_of(*windows), gateway=GatewayConfig(site=SITE, preset="lean"))
    for _ in range(600):
        world.record(RecordClass.SUMMARY, bytes(400))
    world.run(500)

    assert world.down.counts.sent > 300
    assert world.down.counts.outage == world.up.counts.outage == 0


def test_an_outage_nobody_planned_is_noticed_and_wastes_only_beats():
    world = World(plan_of((0, 2_000)), truth=plan_of((0, 100), (1_000, 2_000)))
    world.run(100)
    world.record(RecordClass.STATE, bytes(100))
    world.run(300)
    noticed = world.gateway.node.line.state
    sent = world.down.counts.sent

    world.run(1_000)
    wasted = world.down.counts.sent - sent
    world.run(1_100)

    assert noticed is LineState.OUTAGE
    assert wasted <= 700 / 30 + 1
    assert_whole(world)
    assert world.gateway.node.line.outages == 1


def test_nothing_is_repeated_because_of_a_planned_outage():
    world = World(plan_of((0, 50), (5_000, 6_000)))
    world.run(45)
    for _ in range(20):
        world.record(RecordClass.STATE, bytes(100))
    world.run(5_500)

    assert_whole(world)
    assert world.earth.node.inbox.totals()[RecordClass.STATE].duplicates == 0


def test_pressure_in_a_long_outage_is_marked_and_accounted_for_on_earth():
    config = GatewayConfig(
        site=SITE, preset="moonlight-s", outbox=OutboxConfig(bytes_max=1_000_000)
    )
    world = World(plan_of((1_000, 2_000)), gateway=config)
    for _ in range(300):
        world.record(RecordClass.RAW, bytes(10_000), count=12)
    for _ in range(10):
        world.record(RecordClass.EVENT, bytes(100))
    world.run(1_500)

    kept = [a for a in world.earth.disk.archive if not a.dropped]
    markers = [a for a in world.earth.disk.archive if a.dropped]
    raw = [a for a in kept if a.record_class is RecordClass.RAW]
    dropped = world.gateway.node.outbox.streams[RecordClass.RAW].tally
    assert len(kept) - len(raw) == 10
    assert len(raw) + dropped.shed == 300
    assert sum(marker.count for marker in markers) == dropped.dropped_records == 12 * dropped.shed
    assert sum(m.seq - m.first_seq + 1 for m in markers) == dropped.shed > 200
    assert len(markers) == 1


def test_earth_starting_from_an_empty_disk_goes_on_with_what_the_site_still_holds():
    world = World(plan_of((0, 1_000)))
    for _ in range(10):
        world.record(RecordClass.STATE, bytes(100))
    world.run(100)
    world.earth.kill()
    world.earth.disk.scopes.clear()
    world.run(200)

    world.record(RecordClass.STATE, bytes(100))
    world.run(300)

    assert world.archived[-1] == (RecordClass.STATE, 11)
    assert world.gateway.node.outbox.items == 0
    assert world.earth.node.inbox.totals()[RecordClass.STATE].missing == 10


def test_a_gateway_on_an_empty_disk_begins_an_era_of_its_own():
    world = World(plan_of((0, 1_000)))
    world.record(RecordClass.STATE, bytes(100))
    world.run(100)
    world.gateway.kill()
    world.gateway.disk.scopes.clear()
    world.run(200)

    world.record(RecordClass.STATE, bytes(100))
    world.run(300)

    assert world.archived == [(RecordClass.STATE, 1), (RecordClass.STATE, 2)]


def test_earths_yes_reaches_the_scheduler_after_an_outage_and_the_answer_comes_back():
    world = World(plan_of((0, 50), (500, 1_000)))
    world.answer = yes
    world.run(100)
    world.ask(OPERATOR, Approve(request="r-1", task=TaskId("dig"), approved=True), lifetime_s=800)
    before = len(world.requests)

    world.run(600)

    answers = [decode(p.payload, KEYRING).body for p in world.earth.published]
    assert before == 0
    assert [body.task for body in approvals(world)] == ["dig"]
    assert [a.request for a in answers if isinstance(a, Answer)] == ["r-1"]


def test_what_earth_shows_is_what_the_site_sent():
    world = World(plan_of((0, 100)))
    world.record(RecordClass.STATE, b"as it was")
    world.run(50)

    shown = [decode(p.payload, KEYRING).body for p in world.earth.published]
    uploads = [body for body in shown if isinstance(body, Upload)]

    assert [upload.record for upload in uploads] == [b"as it was"]


def test_the_same_seed_gives_the_same_bytes():
    runs = []

    for _ in range(2):
        world = busy_world(mishaps=ROUGH, seed=5)
        run_busily(world)
        effects = [(p.topic, p.payload) for p in world.gateway.published + world.earth.published]
        runs.append((effects, world.gateway.disk.rows(), world.down.counts))

    assert runs[0] == runs[1]
