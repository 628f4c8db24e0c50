import random

import msgspec

from lunaredge.ids import BootId, NodeId, OrderId, TaskId
from lunaredge.model.task import TaskKind
from lunaredge.node import Archive, Persist, Publish
from lunaredge.scheduler import fusion
from lunaredge.scheduler.node import JOURNAL
from lunaredge.scheduler.state import TaskEntry
from lunaredge.wire import codec, messages, records
from lunaredge.wire.seal import Role
from tests.scheduler import plain_site
from tests.scheduler.replays import busy_site, replayed
from tests.scheduler.rig import Site


def test_every_decision_is_on_disk_before_it_leaves() -> None:
    site = Site()
    site.census()
    body = messages.Submit(request="r", order=plain_site.order(plain_site.grade()))
    topic = "lunaredge/v1/plain/scheduler/request/mari"

    site.scheduler.receive(topic, site.frame(site.operator, body), site.now_ns)
    effects = site.scheduler.take_effects()

    kinds = [type(effect) for effect in effects]
    journal = next(i for i, e in enumerate(effects) if isinstance(e, Persist))
    assert effects[journal].table == JOURNAL  # type: ignore[union-attr]
    assert Publish in kinds
    assert journal < kinds.index(Publish)


def telemetry(site: Site, seq: int) -> bytes:
    upload = told(site, first_seq=seq, seq=seq)
    return site.frame(site.signers[NodeId("dc-1")], upload)


def test_a_record_is_archived_before_it_is_acknowledged() -> None:
    site = Site()

    site.scheduler.receive("lunaredge/v1/plain/dc-1/up/event", telemetry(site, 1), site.now_ns)

    effects = site.scheduler.take_effects()
    acks = [i for i, e in enumerate(effects) if isinstance(e, Publish) and e.topic.endswith("ack")]
    archived = [i for i, e in enumerate(effects) if isinstance(e, Archive)]
    assert archived[0] < acks[0]


def test_a_repeated_record_is_acknowledged_and_archived_once() -> None:
    site = Site()

    for _ in range(3):
        site.hear("lunaredge/v1/plain/dc-1/up/event", telemetry(site, 1))

    acks = [body for _, body in site.published if isinstance(body, messages.RecordAck)]
    assert [ack.through_seq for ack in acks] == [1, 1, 1]
    assert len(site.archive) == 1


def test_a_record_ahead_of_its_turn_is_not_taken() -> None:
    site = Site()

    site.hear("lunaredge/v1/plain/dc-1/up/event", telemetry(site, 2))

    assert not site.archive
    assert site.last(messages.RecordAck).through_seq == 0


def told(site: Site, **changes: object) -> messages.Upload:
    event = records.Event(site_ns=site.now_ns, code="tale", text="once")
    upload = messages.Upload(
        record_class=messages.RecordClass.EVENT,
        boot=site.node_boots[NodeId("dc-1")],
        first_seq=1,
        seq=1,
        floor_seq=1,
        count=1,
        dropped=False,
        record=records.encode_record(event),
    )
    return msgspec.structs.replace(upload, **changes)


def hear_told(site: Site, upload: messages.Upload) -> None:
    frame = site.frame(site.signers[NodeId("dc-1")], upload)
    site.hear("lunaredge/v1/plain/dc-1/up/event", frame)


def test_nobody_else_can_run_a_nodes_numbers_ahead() -> None:
    site = Site()
    far = told(site, first_seq=10**15, seq=10**15, floor_seq=10**15)

    site.hear("lunaredge/v1/plain/dc-1/up/event", site.frame(site.operator, far, node="dc-1"))
    hear_told(site, told(site))

    assert site.scheduler.refusals.by_reason == {"not_authentic": 1}
    assert [row.seq for row in site.archive] == [1]


def test_an_unreadable_record_is_kept_and_holds_nothing_up() -> None:
    site = Site()

    hear_told(site, told(site, record=b"\xc1"))
    hear_told(site, told(site, first_seq=2, seq=2))

    assert [row.seq for row in site.archive] == [1, 2]
    assert site.last(messages.RecordAck).through_seq == 2
    assert site.scheduler.core.state.alarms["dc-1/record.unreadable"].active


def test_numbers_survive_a_restart_so_that_a_repeat_is_still_a_repeat() -> None:
    site = Site()
    site.hear("lunaredge/v1/plain/dc-1/up/event", telemetry(site, 1))

    site.start()
    site.hear("lunaredge/v1/plain/dc-1/up/event", telemetry(site, 1))

    assert len(site.archive) == 1


def test_garbage_is_counted_noted_once_and_never_raised() -> None:
    site = Site()
    noise = random.Random("garbage")
    sound = telemetry(site, 1)
    topics_tried = ["lunaredge/v1/plain/dc-1/up/event", "lunaredge/v1/plain/all/stop", "x", ""]
    digest = site.scheduler.digest()

    for i in range(300):
        damaged = bytearray(sound)
        damaged[noise.randrange(len(damaged))] ^= 1 << noise.randrange(8)
        payloads = [bytes(damaged), noise.randbytes(i), sound[:i], b"\x91" * 5000]
        site.scheduler.receive(topics_tried[i % 4], payloads[i % 3], site.now_ns)
    notes = [e for e in site.scheduler.take_effects() if type(e).__name__ == "Note"]

    assert sum(site.scheduler.refusals.by_reason.values()) >= 290
    assert len(notes) < 20
    assert site.scheduler.digest() == digest


def test_what_goes_to_earth_is_kept_until_the_gateway_has_it() -> None:
    site = Site()
    site.submit(plain_site.order(plain_site.grade(needs_earth=True)))
    spooled = [place for place in site.disk if place[0] == "spool"]
    uploads = [
        body for at, body in site.published if at.startswith("lunaredge/v1/plain/scheduler/up")
    ]
    ack = messages.RecordAck(
        record_class=messages.RecordClass.EVENT, boot=BootId(1), through_seq=99
    )

    site.hear("lunaredge/v1/plain/scheduler/ack", site.frame(site.operator, ack))
    kept = [place for place in site.disk if place[0] == "spool"]
    site.hear("lunaredge/v1/plain/scheduler/ack", site.frame(site.gateway, ack))

    assert len(spooled) == len(uploads) == 2
    assert kept == spooled
    assert not [place for place in site.disk if place[0] == "spool"]


def test_views_show_a_task_and_the_age_of_a_nodes_word() -> None:
    site = busy_site()
    site.wait(90.0)

    views = {body.name: body for _, body in site.published if isinstance(body, messages.View)}
    nodes = {row["node"]: row for row in msgspec.json.decode(views["nodes"].rows)}
    tasks = {row["task"]: row for row in msgspec.json.decode(views["tasks"].rows)}
    assert nodes["hauler-1"]["mark"] == "last known"
    assert nodes["hauler-1"]["age_s"] >= 90.0
    assert tasks[TaskId("grade-0")]["phase"] == "done"


def test_every_view_is_signed_by_the_scheduler() -> None:
    site = Site()
    site.scheduler.tick(site.now_ns + site.config.view_period_ns)

    frames = [
        codec.decode(effect.payload, site.keyring)
        for effect in site.carry_out()
        if isinstance(effect, Publish) and effect.retain
    ]

    assert {frame.body.name for frame in frames if isinstance(frame.body, messages.View)} == {
        *("nodes", "tasks", "alarms", "plan", "closures", "channels", "site")
    }
    assert {frame.role for frame in frames} == {Role.SCHEDULER}


def test_time_is_told_to_whoever_asks() -> None:
    site = Site()
    asked = messages.TimeRequest(local_ns=123)

    site.say("dc-1", asked)

    reply = site.last(messages.TimeReply)
    assert (reply.local_ns, reply.site_ns) == (123, site.now_ns)


def test_a_stream_whose_numbers_are_damaged_begins_anew() -> None:
    site = busy_site()
    place = next(place for place in site.disk if place[0] == "stream")
    site.disk[place] = b""

    again = replayed(site, list(site.rows()))

    assert again.digest() == site.scheduler.digest()


def test_a_word_said_again_is_counted_and_changes_nothing() -> None:
    site = Site()
    site.census()
    beat = messages.Heartbeat(situation=site.situation("grader-1"))
    frame = site.frame(site.signers[NodeId("grader-1")], beat)
    topic = f"lunaredge/v1/{site.site.name}/grader-1/node"
    site.hear(topic, frame)
    digest = site.scheduler.digest()

    site.hear(topic, frame)

    assert site.scheduler.refusals.by_reason == {"repeated": 1}
    assert site.scheduler.digest() == digest


def test_views_of_many_tasks_fit_a_frame_and_show_the_open_ones() -> None:
    site = Site()
    for k in range(3):
        tasks = [plain_site.grade(f"grade-{k}-{i}") for i in range(800)]
        order = msgspec.structs.replace(plain_site.order(*tasks), id=f"order-{k}")
        assert site.submit(order).ok
        for task in tasks[1:]:
            site.ask(messages.CancelRequest(request=site.request_id(), task=task.id))

    site.wait(31.0)

    view = next(
        body
        for _, body in reversed(site.published)
        if isinstance(body, messages.View) and body.name == "tasks"
    )
    rows = msgspec.json.decode(view.rows)
    shown = {row["task"] for row in rows}
    assert {"grade-0-0", "grade-1-0", "grade-2-0", "grade-2-799"} <= shown


def event(site: Site, text: str) -> messages.Upload:
    record = records.Event(site_ns=site.now_ns, code="tale", text=text)
    return told(site, record=records.encode_record(record))


def test_a_record_too_large_for_earth_is_kept_at_the_site() -> None:
    site = Site()
    upload = event(site, "x" * 261_700)

    site.hear("lunaredge/v1/plain/dc-1/up/event", site.frame(site.signers[NodeId("dc-1")], upload))
    site.wait(31.0)

    assert [row.count for row in site.archive] == [1]
    assert not [place for place in site.disk if place[0] == "spool"]


def test_a_count_beyond_reason_is_refused() -> None:
    site = Site()

    hear_told(site, told(site, count=2**62))

    assert not site.archive
    assert site.scheduler.refusals.by_reason == {"count": 1}


def test_a_list_says_how_many_of_its_rows_had_no_room() -> None:
    site = Site()
    for number in range(20):
        many = [
            plain_site.task(f"o{number}-{i}", TaskKind.GRADE, zone="pad", after=(f"o{number}-0",))
            for i in range(1, 64)
        ]
        first = plain_site.task(f"o{number}-0", TaskKind.GRADE, zone="pad")
        assert site.submit(plain_site.order(first, *many, name=f"o{number}")).ok

    site.wait(30.0)

    (*_, view) = [
        body
        for _, body in site.published
        if isinstance(body, messages.View) and body.name == "tasks"
    ]
    assert len(msgspec.json.decode(view.rows)) + view.left_out == 20 * 64
    assert view.left_out > 0


def test_a_map_of_many_surveys_fits_one_assignment() -> None:
    site = Site()
    core = site.scheduler.core
    surveys = [plain_site.task(f"look-{i}", TaskKind.SURVEY, zone="pad") for i in range(3)]
    fuse = plain_site.task("map", TaskKind.FUSE_TERRAIN, after=[s.id for s in surveys])
    for task in (*surveys, fuse):
        entry = TaskEntry(task=task, order=OrderId("o"), patches=[bytes(60_000), bytes(60_000)])
        core.state.tasks[task.id] = entry

    work = fusion.workload(core.ctx, core.state.tasks[fuse.id])

    assert 150_000 < len(work.input) < fusion.PATCH_BYTES_MAX + 1_000
    assert core.state.alarms["map/fusion.too_large"].active


def test_a_word_without_end_is_cut() -> None:
    site = Site()
    alarm = records.Alarm(site_ns=site.now_ns, code="c" * 5_000, text="x" * 50_000, active=True)
    upload = told(
        site, record_class=messages.RecordClass.ALARM, record=records.encode_record(alarm)
    )

    site.hear("lunaredge/v1/plain/dc-1/up/alarm", site.frame(site.signers[NodeId("dc-1")], upload))

    (kept,) = site.scheduler.core.state.alarms.values()
    assert len(kept.code) <= 80
    assert len(kept.text) <= 500


def test_a_node_that_tells_endless_alarms_displaces_none_of_the_scheduler_s_own() -> None:
    site = Site(alarms_max=3)
    ctx = site.scheduler.core.ctx
    ctx.raise_alarm("hauler-1", "node.lost", "not heard")
    ctx.raise_alarm("hauler-1", "conflict", "stands there")
    ctx.clear_alarm("hauler-1", "conflict")

    for code in "abcde":
        alarm = records.Alarm(site_ns=site.now_ns, code=code, text="x", active=True)
        site.scheduler.core._take_alarm(NodeId("dc-1"), alarm)

    kept = [entry.code for entry in site.scheduler.core.state.alarms.values()]
    assert kept == ["node.lost", "d", "e"]


def test_a_node_may_not_use_anothers_name_on_its_own_topic() -> None:
    site = Site()
    word = messages.Heartbeat(situation=site.situation("dc-1"))
    upload = told(site)

    site.hear(
        "lunaredge/v1/plain/dc-1/node",
        site.frame(site.signers[NodeId("dc-1")], word, node="hauler-1"),
    )
    site.hear(
        "lunaredge/v1/plain/dc-1/up/event",
        site.frame(site.signers[NodeId("dc-1")], upload, node="hauler-1"),
    )

    assert site.scheduler.refusals.by_reason == {"not_its_topic": 1, "unknown_node": 1}
    assert not site.archive


def test_a_new_connection_says_everything_unanswered_again() -> None:
    site = Site()
    site.say("dc-1", messages.Birth(kind="x", situation=site.situation("dc-1")))
    site.submit(plain_site.order(plain_site.grade()))
    censuses, uploads = len(site.sent("dc-1", messages.Census)), feed_uploads(site)

    site.scheduler.disconnected(site.now_ns)
    site.scheduler.connected(site.now_ns)
    site.carry_out()

    assert len(site.sent("dc-1", messages.Census)) == censuses + 1
    assert feed_uploads(site) == 2 * uploads > 0


def feed_uploads(site: Site) -> int:
    return sum(at.startswith("lunaredge/v1/plain/scheduler/up") for at, _ in site.published)


def test_what_is_never_dropped_is_not_taken_as_dropped() -> None:
    site = Site()

    hear_told(site, told(site, dropped=True, count=7, record=b""))
    hear_told(site, told(site, seq=3))

    assert not site.archive
    assert site.scheduler.refusals.by_reason == {"dropped": 2}


def test_bulk_is_the_archives_and_not_taken_here() -> None:
    site = Site()

    hear_told(site, told(site, record_class=messages.RecordClass.RAW))

    assert not site.archive
    assert site.scheduler.refusals.by_reason == {"unexpected": 1}


def test_alarms_of_the_archive_are_taken_of_the_archive_alone() -> None:
    site = Site()
    alarm = records.Alarm(site_ns=site.now_ns, code="limit.motor_c", text="hot", active=True)
    record = records.NodeRecord(site_ns=site.now_ns, node=NodeId("dc-1"), record=alarm)
    upload = told(
        site, record_class=messages.RecordClass.ALARM, record=records.encode_record(record)
    )
    topic = "lunaredge/v1/plain/archive/up/alarm"

    site.hear(topic, site.frame(site.signers[NodeId("dc-1")], upload, node="archive"))
    assert site.scheduler.refusals.by_reason == {"not_authentic": 1}
    site.hear(topic, site.frame(site.archivist, upload, node="archive"))

    (told_of,) = site.scheduler.core.state.alarms.values()
    assert (told_of.source, told_of.code, told_of.active) == ("dc-1", "limit.motor_c", True)
    assert [row.node for row in site.archive] == ["archive"]


def test_views_show_what_a_person_did_within_a_second() -> None:
    site = Site()
    site.census()
    site.wait(2.0)
    site.published.clear()

    site.ask(messages.HoldRequest(request="h", node=NodeId("grader-1"), hold=True))
    site.wait(1.0)

    views = [b for _, b in site.published if isinstance(b, messages.View) and b.name == "nodes"]
    held = {row["node"]: row["held"] for row in msgspec.json.decode(views[-1].rows)}
    assert held["grader-1"]


def test_views_of_a_site_where_nothing_happens_are_made_by_the_period() -> None:
    site = Site()
    site.census()
    site.wait(31.0)
    site.published.clear()

    site.wait(60.0)

    names = [body.name for _, body in site.published if isinstance(body, messages.View)]
    assert names.count("nodes") == 2
