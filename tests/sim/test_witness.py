"""The witness: what frames on the wire prove, and what proves nothing."""

import pytest

from lunaredge.ids import KeyId
from lunaredge.model.task import Task, TaskKind, WorkOrder
from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.witness import Witness
from lunaredge.sim.scenario import OPERATOR, Keys, simulated_signer, small
from lunaredge.wire import messages, records, topics
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
