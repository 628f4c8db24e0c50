"""The witness: what frames on the wire prove, and what proves nothing."""

import msgspec
import pytest
from msgspec.structs import replace

from lunaredge.ids import KeyId
from lunaredge.model.task import Task, TaskKind, WorkOrder
from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.witness import Witness
from lunaredge.sim.scenario import OPERATOR, Keys, simulated_signer, small
from lunaredge.wire import messages, records, safeguards, topics
from lunaredge.wire.codec import Header, encode
from lunaredge.wire.seal import Role

SITE = "small"
NODE = "rover-1"
KEYS = Keys(small().fleet)
SITUATION = messages.Situation(
    state="idle",
    autonomy=messages.Autonomy.A0,
    x_m=1.0,
    y_m=2.0,
    heading_rad=0.0,
    pose_error_m=0.1,
    at_rest=True,
    brake_ratio=1.0,
    battery_wh=100.0,
    payload_kg=0.0,
    authority=None,
    task=None,
    attempt=0,
    progress_ratio=0.0,
    stops=(),
    held=False,
    epoch=1,
    spool_count=0,
    refused={"epoch": 2},
    produced={},
    dropped={},
)


def read(channel, body, *, signer=None, node=NODE, topic_of=NODE, detail=""):
    header = Header(node=node, boot=7, number=1, local_ns=0, site_ns=0)
    frame = encode(header, body, KEYS.signer(signer or node))
    topic = topics.build(SITE, topic_of, channel, detail)
    return Witness(KEYS.keyring).read(topic, frame, 5)


def test_a_heartbeat_shows_where_a_node_stands():
    (situated,) = read("node", messages.Heartbeat(situation=SITUATION))

    assert situated == seen.Situated(
        at_ns=5,
        node=NODE,
        boot=7,
        at_rest=True,
        posed=True,
        authority=None,
        refused={"epoch": 2},
        epoch=1,
    )


def test_a_grant_shows_its_corridor():
    body = messages.Grant(
        command="c1",
        request_no=3,
        authority="ma1",
        number=1,
        path=((0.0, 0.0), (5.0, 0.0)),
        from_m=1.0,
        stop_m=4.0,
        overlap_m=0.5,
        revision=1,
        tool_from_m=0.0,
        half_width_m=2.0,
        pose_error_m=0.3,
        clock_error_ns=5,
        deviation_m_max=0.4,
        speed_m_s_max=1.0,
        lifetime_ns=60,
        on_loss=messages.OnLoss.STOP_POINT,
    )

    (granted,) = read("cmd", body, node=topics.SCHEDULER)

    assert isinstance(granted, seen.Granted)
    assert (granted.machine, granted.authority, granted.request_no) == (NODE, "ma1", 3)
    assert granted.path == ((0.0, 0.0), (5.0, 0.0))
    assert (granted.from_m, granted.stop_m) == (1.0, 4.0)


def test_a_grant_signed_by_a_node_proves_nothing():
    body = messages.Renew(
        command="c1", request_no=3, authority="ma1", stop_m=4.0, revision=1, lifetime_ns=60
    )

    assert read("cmd", body, node="hauler-1") == []
    assert len(read("cmd", body, node=topics.SCHEDULER)) == 1


def test_a_forged_frame_proves_nothing():
    stranger = simulated_signer("stranger", Role.NODE)
    stranger.key_id = KeyId(NODE)
    header = Header(node=NODE, boot=7, number=1, local_ns=0, site_ns=0)
    frame = encode(header, messages.Heartbeat(situation=SITUATION), stranger)

    assert Witness(KEYS.keyring).read(topics.build(SITE, NODE, "node"), frame, 5) == []


@pytest.mark.parametrize("topic", ["elsewhere/x", "lunaredge/v1/small/rover-1/node"])
def test_noise_proves_nothing(topic):
    assert Witness(KEYS.keyring).read(topic, b"noise", 5) == []


def test_an_upload_of_a_task_report_shows_both():
    report = records.TaskReport(site_ns=0, task="t1", attempt=2, outcome=records.TaskOutcome.DONE)
    body = messages.Upload(
        record_class=messages.RecordClass.STATE,
        boot=7,
        first_seq=4,
        seq=4,
        floor_seq=1,
        count=1,
        dropped=False,
        record=records.encode_record(report),
    )

    offered, reported = read("up", body, detail="state")

    assert isinstance(offered, seen.Offered)
    assert (offered.seq, offered.boot) == (4, 7)
    assert isinstance(reported, seen.Reported)
    assert (reported.task, reported.attempt, reported.outcome) == ("t1", 2, "done")


def test_an_order_and_an_approval_are_seen_on_their_way():
    task = Task(id="t1", kind=TaskKind.SURVEY, zone="pad", needs_earth=True)
    order = WorkOrder(id="o1", title="x", tasks=(task,))
    submit = messages.Submit(request="1", order=order)
    approve = messages.Approve(request="2", task="t1", approved=True)

    (submitted,) = read(
        "request", submit, node=topics.SCHEDULER, signer=OPERATOR, topic_of="scheduler", detail="c"
    )
    (approved,) = read("request", approve, node=topics.EARTH, topic_of="scheduler", detail="earth")

    assert submitted.tasks == (task,)
    assert (approved.task, approved.approved) == ("t1", True)


def test_a_view_of_tasks_shows_their_phases():
    rows = b'[{"task":"t1","phase":"queued","more":1},{"task":"t2","phase":"done"}]'
    body = messages.View(name="tasks", site_ns=0, rows=rows)

    evidence = read("view", body, node=topics.SCHEDULER, topic_of="view", detail="tasks")

    assert [(piece.task, piece.phase) for piece in evidence] == [("t1", "queued"), ("t2", "done")]


def test_a_released_stop_is_seen():
    body = messages.ReleaseStop(command="c1", stop="stop-1")

    (released,) = read("cmd", body, node=topics.SCHEDULER)

    assert released == seen.StopReleased(at_ns=5, node=NODE, stop="stop-1")


# --- people, and what they are shown ----------------------------------------------------------

ASKING = seen.Asking("desk", "r1")


def read_desk(body):
    names = {"node": topics.SCHEDULER, "topic_of": "scheduler", "detail": "desk"}
    return read("request", body, signer=OPERATOR, **names)


def test_only_a_code_for_a_tag_is_a_word_on_it():
    release = safeguards.UnlockRequest(request="r1", node=NODE, whose="ana", code="c0de")

    (word,) = read_desk(release)

    assert (word.node, word.whose, word.asking) == (NODE, "ana", ASKING)
    assert word.by
    assert read_desk(replace(release, code="")) == []
    assert read_desk(safeguards.LockOutRequest(request="r1", node=NODE, why="a look")) == []


def test_a_wish_to_drive_by_hand_is_seen():
    by_hand = safeguards.LockOutRequest(request="r1", node=NODE, why="x", radius_m=4.0)
    assert read_desk(by_hand) == []
    (hand,) = read_desk(replace(by_hand, code="c0de"))

    assert isinstance(hand, seen.HandWord)
    assert (hand.node, hand.asking) == (NODE, ASKING)


def test_a_code_for_a_zone_is_a_word_on_it():
    wanted = safeguards.OpenRequest(request="r1", zone="spot", code="c0de")

    assert read_desk(wanted) == [seen.Opening(at_ns=5, zone="spot", asking=ASKING)]
    assert read_desk(replace(wanted, code="")) == []


def test_a_code_for_a_silent_machine_is_a_word_for_it():
    wanted = messages.VouchRequest(request="r1", node=NODE, at=(1.0, 2.0), code="c0de")

    assert read_desk(wanted) == [seen.VouchWord(at_ns=5, machine=NODE, asking=ASKING)]
    assert read_desk(replace(wanted, code="")) == []


def test_only_the_schedulers_answer_counts():
    answer = messages.Answer(request="r1", ok=False, text="the code is wrong")
    on = {"topic_of": "operator", "detail": "desk"}

    (answered,) = read("reply", answer, node=topics.SCHEDULER, **on)

    assert answered == seen.Answered(at_ns=5, asking=ASKING, ok=False)
    assert read("reply", answer, **on) == []


TAG_ROW = {"by": "ana", "why": "x", "since_ns": 7, "area": [[0, 0], [1, 0], [1, 1]]}
TAG = seen.ShownTag("ana", 7, ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)))


@pytest.mark.parametrize(
    ("phase", "machines"), [("locked", {NODE: (TAG,)}), ("draining", {}), ("returning", {})]
)
def test_a_view_of_nodes_shows_who_is_locked_out_and_who_stands_where(phase, machines):
    rows = [
        {"node": NODE, "x_m": 1.0, "y_m": 2.0, "authority": None},
        {"node": "hauler-1", "x_m": 3.0, "y_m": 4.0, "authority": "ma1", "lockout": None},
        {"node": "computer", "x_m": None, "y_m": None, "authority": None, "lockout": None},
    ]
    rows[0]["lockout"] = {"phase": phase, "waits_for": [], "tags": [TAG_ROW]}
    body = messages.View(name="nodes", site_ns=0, rows=msgspec.json.encode(rows))

    locked_out, located = read("view", body, node=topics.SCHEDULER, topic_of="view", detail="nodes")

    assert locked_out == seen.LockedOut(at_ns=5, machines=machines)
    assert located == seen.Located(at_ns=5, places={NODE: (1.0, 2.0), "hauler-1": (3.0, 4.0)})
