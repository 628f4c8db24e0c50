"""One fixed value of every class that crosses a link, and the golden bytes they must become.

The golden files hold the wire still: from the first release on they change only together with a
version number. Write them anew with ``python -m tests.wire.samples``, and say why in the changelog.
"""

from pathlib import Path
from typing import Any

import msgspec

from lunaredge.ids import AuthorityId, BootId, CommandId, KeyId, NodeId, OrderId, TaskId
from lunaredge.model.task import Dig, Dump, Leg, Load, Task, TaskKind, Tool, Workload, WorkOrder
from lunaredge.wire import (
    alarm_requests,
    channel_orders,
    driver,
    messages,
    records,
    safeguards,
)
from lunaredge.wire.codec import Header, encode
from lunaredge.wire.messages import Autonomy, HeldAuthority, RecordClass, Situation
from lunaredge.wire.policy import ChannelPolicy
from lunaredge.wire.seal import Keyring, Role, Signer
from lunaredge.wire.telemetry import Channel, Dtype, Samples, Series, pack, table_of

GOLDEN = Path(__file__).parent / "golden"

NODE = NodeId("digger-1")
TASK = TaskId("dig-pit")
BOOT = BootId((3 << 24) | 0xABCDEF)
COMMAND = CommandId("scheduler-7-42")
SITE_NS = 1_800_000_000_000_000_000

HEADER = Header(
    node=NODE,
    boot=BOOT,
    number=17,
    local_ns=12_000_000_000,
    site_ns=SITE_NS,
    clock_error_ns=2_000_000,
    epoch=4,
    expiry_ns=SITE_NS + 120_000_000_000,
)
SIGNER = Signer(KeyId("scheduler"), Role.SCHEDULER, bytes(range(32)))
KEYRING = Keyring({KeyId("scheduler"): SIGNER.public})

SITUATION = Situation(
    state="driving",
    autonomy=Autonomy.A0,
    x_m=120.5,
    y_m=-30.25,
    heading_rad=1.5,
    pose_error_m=0.1,
    at_rest=False,
    brake_ratio=1.0,
    battery_wh=4200.0,
    payload_kg=35.5,
    authority=HeldAuthority(
        id=AuthorityId("ma-9"), released_m=12.5, stop_m=40.0, revision=2, at_stop=False
    ),
    task=TASK,
    attempt=1,
    progress_ratio=0.25,
    stops=("stop-1",),
    held=False,
    epoch=4,
    spool_count=3,
    refused={"signature": 1},
    produced={"raw": 600},
    dropped={},
    locks=("operator-mari/lockout-4-17",),
)
LEG = Leg(path=((1.0, 2.0), (3.0, 4.5)), tool=Tool.BLADE, goal=Load(pile="heap"))
WORKLOAD = Workload(program="fuse_terrain", input=b"\x00\x01", memory_mib=64, duration_s_max=600.0)
ORDER = WorkOrder(
    id=OrderId("pad"),
    title="A landing pad",
    tasks=(Task(id=TASK, kind=TaskKind.EXCAVATE, zone="pit", pile="heap", mass_kg=900.0),),
)

CHANNELS = (
    Channel(name="battery_wh", unit="Wh"),
    Channel(name="at_rest", unit="bool", dtype=Dtype.U1),
    Channel(name="motor_c", unit="degC", dtype=Dtype.F8),
)
TABLE = table_of(CHANNELS)

MESSAGES: tuple[messages.Message, ...] = (
    messages.Birth(kind="excavator", situation=SITUATION),
    messages.Heartbeat(situation=SITUATION),
    messages.Farewell(node=NODE, orderly=True, until_ns=SITE_NS + 1_209_600_000_000_000),
    messages.TimeRequest(local_ns=12_000_000_000),
    messages.AuthorityRequest(
        request_no=5, task=TASK, attempt=1, path=LEG.path, x_m=0.5, y_m=-0.5, pose_error_m=0.1
    ),
    messages.AuthorityRenewal(request_no=6, authority=AuthorityId("ma-9")),
    messages.CommandReply(command=COMMAND, ok=False, reason="busy"),
    messages.Upload(
        record_class=RecordClass.RAW,
        boot=BOOT,
        first_seq=7,
        seq=9,
        floor_seq=7,
        count=36,
        dropped=True,
        record=b"",
    ),
    messages.RecordAck(
        record_class=RecordClass.RAW, boot=BOOT, through_seq=9, ranges=((12, 40),), window=8
    ),
    messages.StreamBirth(
        table=TABLE,
        channels=CHANNELS,
        held=(messages.Held(record_class=RecordClass.RAW, boot=BOOT, floor_seq=10, last_seq=44),),
    ),
    messages.RebirthRequest(),
    messages.LatestRequest(request="r-12", node=NODE),
    messages.TimeReply(local_ns=12_000_000_000, site_ns=SITE_NS),
    messages.Census(command=COMMAND, boot=BOOT),
    messages.Assign(
        command=COMMAND, task=TASK, attempt=1, legs=(LEG,), repeat=True, workload=WORKLOAD
    ),
    messages.Grant(
        command=COMMAND,
        request_no=5,
        authority=AuthorityId("ma-9"),
        number=1,
        path=LEG.path,
        stop_m=2.0,
        overlap_m=0.25,
        revision=1,
        tool_from_m=2.5,
        half_width_m=2.75,
        deviation_m_max=0.5,
        pose_error_m=0.2,
        clock_error_ns=5_000_000_000,
        speed_m_s_max=0.5,
        lifetime_ns=900_000_000_000,
        on_loss=messages.OnLoss.STOP_POINT,
    ),
    messages.Renew(
        command=COMMAND,
        request_no=6,
        authority=AuthorityId("ma-9"),
        stop_m=2.5,
        revision=1,
        lifetime_ns=900_000_000_000,
    ),
    messages.Shorten(command=COMMAND, authority=AuthorityId("ma-9"), stop_m=1.5, revision=2),
    messages.Defer(command=COMMAND, request_no=5, reason="occupied", wait_ns=10_000_000_000),
    messages.Hold(command=COMMAND, turn=7),
    messages.Resume(command=COMMAND, turn=8),
    messages.Hibernate(command=COMMAND, until_ns=SITE_NS + 1_209_600_000_000_000),
    messages.Cancel(command=COMMAND, task=TASK, attempt=1),
    messages.ReleaseStop(command=COMMAND, stop="stop-1"),
    messages.Dispute(authority=AuthorityId("ma-9")),
    messages.Stop(stop="stop-1", node=None, reason="a person on the site"),
    messages.Submit(request="r-1", order=ORDER),
    messages.HoldRequest(request="r-2", node=NODE, hold=True),
    messages.HibernateRequest(request="r-15", node=NODE, until_ns=SITE_NS + 1_209_600_000_000_000),
    messages.CancelRequest(request="r-3", task=TASK),
    messages.Outlived(boot=BootId(1 << 24), floor=BootId(9 << 24)),
    messages.VouchRequest(request="r-7", node=NodeId("hauler-1"), at=(12.5, -3.0), code="c0de"),
    safeguards.LockOut(command=COMMAND, tag="operator-mari/lockout-4-17"),
    channel_orders.SetChannels(
        command=COMMAND,
        policies={"motor_c": ChannelPolicy(deadband=2.5), "x_m": ChannelPolicy(period_s_min=5.0)},
        turn=9,
    ),
    channel_orders.ChannelsRequest(
        request="r-16",
        node=NODE,
        policies={"motor_c": ChannelPolicy(period_s_min=0.0, period_s_max=3600.0)},
    ),
    safeguards.Unlock(command=COMMAND, tag="operator-mari/lockout-4-17"),
    safeguards.LockOutRequest(
        request="r-8", node=NODE, why="to change a track", outline=((1.0, 2.0),), radius_m=0.5
    ),
    safeguards.CloseRequest(
        request="r-10", zone="pad-north", why="a lander", outline=((1.0, 2.0),), radius_m=40.0
    ),
    safeguards.OpenRequest(request="r-11", zone="pad-north", code="c0de"),
    safeguards.UnlockRequest(request="r-9", node=NODE, whose="operator-mari", code="c0de"),
    alarm_requests.AcknowledgeRequest(request="r-12", source="hauler-1", code="conflict"),
    alarm_requests.ShelveRequest(
        request="r-13", source="hauler-1", code="node.lost", for_ns=7_200_000_000_000, why="in bits"
    ),
    alarm_requests.UnshelveRequest(request="r-14", source="hauler-1", code="node.lost"),
    messages.StopReleaseRequest(request="r-4", stop="stop-1", code="4711"),
    messages.Approve(request="r-5", task=TASK, approved=True),
    messages.Explain(request="r-6", task=TASK),
    messages.Answer(
        request="r-6", ok=True, text="placed", rows=b'[{"node":"digger-1"}]', code="c0de"
    ),
    messages.View(name="nodes", site_ns=SITE_NS, rows=b"[]"),
)

BATCH = pack(
    CHANNELS,
    Samples(
        [SITE_NS + 5, SITE_NS + 10],
        [Series([0, 1], [2.5, -1.0]), Series([1], [1]), Series([], [])],
        [(1, 2)],
    ),
    (SITE_NS, SITE_NS + 60),
)
ALARM = records.Alarm(site_ns=SITE_NS, code="battery_low", text="under its reserve", active=True)
CRITICAL = msgspec.structs.replace(ALARM, level=records.AlarmLevel.CRITICAL, latching=True)
RECORDS: tuple[records.Record, ...] = (
    CRITICAL,
    records.Event(site_ns=SITE_NS, code="authority_granted", text="ma-9"),
    records.TaskReport(
        site_ns=SITE_NS,
        task=TASK,
        attempt=1,
        outcome=records.TaskOutcome.FAILED,
        reason="pile out of reach",
        result=b"\x01",
    ),
    records.TerrainPatch(
        site_ns=SITE_NS, task=TASK, points=records.pack_points([(1.0, 2.0, -0.5)])
    ),
    BATCH,
    records.Summary(
        site_ns=SITE_NS,
        node=NODE,
        end_ns=SITE_NS + 60,
        rows={"battery": (1.0, 4.0, 2.5, 12)},
    ),
    records.Dropped(
        site_ns=SITE_NS,
        end_ns=SITE_NS + 60,
        rows={"battery_wh": (1.0, 4.0, 2.5, 12)},
        perhaps_sent=((7, 12), (9, 24)),
    ),
    records.NodeRecord(site_ns=SITE_NS, node=NODE, record=ALARM),
    records.ApprovalWanted(site_ns=SITE_NS, task=TASK, title="Dig the pit"),
)

FRAMES: tuple[driver.DriverFrame, ...] = (
    driver.Attach(version=2, machine=NODE),
    driver.Hello(version=2, machine=NODE, setpoint_lifetime_s=30.0, basis_s_max=15.0),
    driver.Refused(reason="driven by another"),
    driver.Sample(
        clock_ns=7_000_000_000,
        x_m=1.0,
        y_m=2.0,
        heading_rad=0.5,
        pose_error_m=0.1,
        speed_m_s=0.25,
        station_m=3.5,
        at_rest=False,
        order_no=4,
        spent_no=3,
        battery_wh=4200.0,
        charging=False,
        power_w=310.0,
        payload_kg=0.0,
        pitch_deg=1.0,
        roll_deg=-2.0,
        slip_ratio=0.05,
        motor_c=20.0,
        blocked=False,
        work=driver.WorkStatus(done=False, progress_ratio=0.5),
        scan=((1.0, 2.0, 3.0),),
    ),
    driver.Follow(
        order_no=4,
        basis_ns=7_000_000_000,
        path=LEG.path,
        stop_m=3.0,
        speed_m_s=0.5,
        tool=Tool.SCANNER,
        tool_from_m=1.0,
    ),
    driver.Work(
        order_no=5, basis_ns=8_000_000_000, goal=Dig(zone="pit", pile="heap", mass_kg=900.0)
    ),
    driver.Work(order_no=6, basis_ns=9_000_000_000, goal=Dump(pile="berm")),
    driver.Halt(),
)


def tag_of(value: Any) -> str:
    """Give the word that names a value's class on the wire."""
    return str(value.__struct_config__.tag)


def encoded() -> dict[str, dict[str, bytes]]:
    """Give the bytes of every sample, by golden file and name."""
    return {
        "messages": {tag_of(body): encode(HEADER, body, SIGNER) for body in MESSAGES},
        "records": {tag_of(record): records.encode_record(record) for record in RECORDS},
        "driver": {
            f"{index}-{tag_of(frame)}": driver.encode_frame(frame)
            for index, frame in enumerate(FRAMES)
        },
    }


def golden(name: str) -> dict[str, bytes]:
    """Give the bytes of a golden file, by name."""
    lines = (GOLDEN / f"{name}.txt").read_text().splitlines()
    return {line.split()[0]: bytes.fromhex(line.split()[1]) for line in lines}


def _write() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name, frames in encoded().items():
        text = "".join(f"{tag} {payload.hex()}\n" for tag, payload in frames.items())
        (GOLDEN / f"{name}.txt").write_text(text)


if __name__ == "__main__":
    _write()
