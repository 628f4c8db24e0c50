"""`lunaredge tap`: what of a message is shown, and how much of it can be believed."""

import json
from typing import Any

import msgspec
import pytest

from lunaredge.cli.tap.choice import choice_of
from lunaredge.cli.tap.reading import Reading
from lunaredge.cli.tap.tables import ASK_AGAIN_S, NODES_MAX, RETAINED_S
from lunaredge.ids import KeyId, NodeId, SiteId
from lunaredge.wire import messages, telemetry, topics
from lunaredge.wire.codec import Header, encode
from lunaredge.wire.messages import RecordClass, StreamBirth, Upload
from lunaredge.wire.records import Record, encode_record
from lunaredge.wire.seal import Keyring, Role, Sealer, Signer
from lunaredge.wire.telemetry import Channel, Dtype, Samples, Series
from tests.wire import samples
from tests.wire.samples import BOOT, SITE_NS, tag_of

SITE = SiteId("yard")
NODE = NodeId("digger-1")
SIGNER = Signer(KeyId(NODE), Role.NODE, b"\1" * 32)
SCHEDULER = Signer(KeyId("scheduler"), Role.SCHEDULER, b"\2" * 32)
ARCHIVE = Signer(KeyId("archive"), Role.ARCHIVE, b"\3" * 32)
OTHER = Signer(KeyId("hauler-1"), Role.NODE, b"\4" * 32)
FORGER = Signer(KeyId(NODE), Role.NODE, b"\5" * 32)
STRANGER = Signer(KeyId("stranger"), Role.NODE, b"\6" * 32)
KEYRING = Keyring({each.key_id: each.public for each in (SIGNER, SCHEDULER, ARCHIVE, OTHER)})
CHANNELS = (
    Channel(name="battery_wh", unit="Wh"),
    Channel(name="pose.x_m", unit="m", dtype=Dtype.F8),
    Channel(name="motor_c", unit="degC", dtype=Dtype.I4),
    Channel(name="ticks", unit="", dtype=Dtype.I8),
    Channel(name="blocked", unit="", dtype=Dtype.U1),
)
BATCH = telemetry.pack(
    CHANNELS,
    Samples(
        times_ns=[SITE_NS, SITE_NS + 500_000_000],
        series=[
            Series([0, 1], [4200.0, 4199.5]),
            Series([1], [0.1]),
            Series([0], [-40]),
            Series([0], [2**53 + 1]),
            Series([], []),
        ],
        blanks=[(1, 2)],
    ),
    (SITE_NS, SITE_NS + 1_000_000_000),
)
BIRTH = StreamBirth(table=telemetry.table_of(CHANNELS), channels=CHANNELS)
UPLOAD = next(body for body in samples.MESSAGES if isinstance(body, Upload))


def reading(*nodes: str, as_json: bool = False, **words: Any) -> Reading:
    chosen: dict[str, Any] = {"channels": (), "classes": (), "topic": None} | words
    return Reading(choice_of(SITE, nodes, **chosen), KEYRING, as_json=as_json)


def frame(body: messages.Message, sealer: Sealer | None = SIGNER, number: int = 1) -> bytes:
    header = Header(node=NODE, boot=BOOT, number=number, local_ns=0, site_ns=SITE_NS)
    return encode(header, body, sealer)


def tagged(record: Record, record_class: RecordClass = RecordClass.RAW) -> bytes:
    upload = msgspec.structs.replace(
        UPLOAD, record=encode_record(record), record_class=record_class, dropped=False
    )
    return frame(upload, SIGNER.tagger(ARCHIVE.public))


def hear(
    into: Reading, channel: str, payload: bytes, now_s: float = 0.0, node: str = NODE
) -> list[str]:
    return list(into.take(f"{topics.ROOT}/{SITE}/{node}/{channel}", payload, now_s))


def told(into: Reading, body: messages.Message, sealer: Sealer | None = SIGNER) -> list[str]:
    return hear(into, "birth", frame(body, sealer))


def test_a_batch_is_a_line_for_each_row_with_names_and_units() -> None:
    tap = reading()
    told(tap, BIRTH)

    first, second = hear(tap, "up/raw", tagged(BATCH))

    assert first == (
        "2027-01-15T08:00:00.000Z  digger-1  raw  [tagged]  "
        "battery_wh=4200 Wh  motor_c=-40 degC  ticks=9007199254740993"
    )
    assert second.endswith("battery_wh=4199.5 Wh  pose.x_m=0.1 m  motor_c=- degC")
    assert second.startswith("2027-01-15T08:00:00.500Z")


def test_a_script_gets_every_bit_of_a_value_and_who_vouches_for_it() -> None:
    tap = reading(as_json=True)
    told(tap, BIRTH)

    first, second = (json.loads(line) for line in hear(tap, "up/raw", tagged(BATCH)))

    assert first["values"] == {"battery_wh": 4200.0, "motor_c": -40, "ticks": 2**53 + 1}
    assert second["values"]["motor_c"] is None
    assert first["units"]["battery_wh"] == "Wh"
    assert (first["time_ns"], first["class"], first["type"]) == (SITE_NS, "raw", "sample")
    assert (first["verified"], first["standing"], first["node"]) == (False, "tagged", NODE)


def test_only_the_channels_that_were_chosen_are_shown() -> None:
    tap = reading(channels=("pose.*", "tick?"))
    assert told(tap, BIRTH) == []

    lines = hear(tap, "up/raw", tagged(BATCH))

    assert [line.split("]  ")[1] for line in lines] == [
        "ticks=9007199254740993",
        "pose.x_m=0.1 m",
    ]
    summary = next(each for each in samples.RECORDS if tag_of(each) == "summary")
    assert hear(tap, "up/summary", tagged(summary, RecordClass.SUMMARY)) == []


def test_what_comes_before_its_table_waits_for_it() -> None:
    tap = reading()

    assert hear(tap, "up/raw", tagged(BATCH), 5.0) == []
    assert tap.tables.waiting_count == 1
    lines = told(tap, BIRTH)

    assert [line.split("  ")[2] for line in lines] == ["birth stream_birth", "raw", "raw"]
    assert tap.tables.waiting_count == 0


def test_a_node_is_asked_once_the_broker_has_had_time_and_not_all_the_time() -> None:
    tap = reading()
    hear(tap, "up/raw", tagged(BATCH), 5.0)

    assert tap.tables.to_ask(5.0) == []
    assert tap.tables.to_ask(5.0 + RETAINED_S) == [NODE]
    assert tap.tables.to_ask(5.5 + RETAINED_S) == []
    assert tap.tables.to_ask(5.0 + RETAINED_S + ASK_AGAIN_S) == [NODE]
    told(tap, BIRTH)
    assert tap.tables.to_ask(1e9) == []


def test_what_waits_for_a_table_is_bounded_and_the_rest_counted() -> None:
    tap = reading()
    for _ in range(100):
        hear(tap, "up/raw", tagged(BATCH))
    for number in range(NODES_MAX + 10):
        hear(tap, "up/raw", tagged(BATCH), node=f"node-{number}")

    assert tap.tables.waiting_count == 64 + NODES_MAX - 1
    assert tap.tables.left_out == 36 + 11
    assert tap.tables.waiting_count + tap.tables.left_out == 100 + NODES_MAX + 10


def test_large_batches_that_wait_are_bounded_by_their_bytes() -> None:
    tap = reading()
    times_ns = [SITE_NS + k for k in range(4_000)]
    wide = tuple(Channel(name=f"c{k}", unit="", dtype=Dtype.F8) for k in range(7))
    series = [Series(range(4_000), [0.5] * 4_000)] * 7
    batch = telemetry.pack(wide, Samples(times_ns, series, []), (SITE_NS, SITE_NS + 10**9))
    for number in range(200):
        hear(tap, "up/raw", tagged(batch), node=f"node-{number % 20}")

    held_bytes = tap.tables.waiting_count * (len(batch.values) + len(batch.times_ns))
    assert 8 * 2**20 < held_bytes <= 16 * 2**20
    assert tap.tables.left_out == 200 - tap.tables.waiting_count


@pytest.mark.parametrize(
    ("sealer", "mark"),
    [
        (SIGNER, ""),
        (None, "[unsigned]"),
        (FORGER, "[forged]"),
        (STRANGER, "[unknown key]"),
        (SIGNER.tagger(ARCHIVE.public), "[tagged]"),
    ],
)
def test_a_line_says_what_nobody_here_can_vouch_for(sealer: Sealer | None, mark: str) -> None:
    body = messages.Farewell(node=NODE, orderly=True)

    (text,) = hear(reading(), "node", frame(body, sealer))
    (line,) = hear(reading(as_json=True), "node", frame(body, sealer))

    assert text == f"2027-01-15T08:00:00.000Z  digger-1  node farewell{mark and '  '}{mark}  " + (
        "node=digger-1 orderly=yes"
    )
    assert json.loads(line)["verified"] is (sealer is SIGNER)


FALSE = StreamBirth(table=BIRTH.table, channels=tuple(reversed(CHANNELS)))


@pytest.mark.parametrize("sealer", [None, FORGER, STRANGER, OTHER])
def test_nobody_else_changes_what_a_nodes_columns_are(sealer: Sealer | None) -> None:
    tap = reading()
    hear(tap, "birth", frame(BIRTH, SIGNER, number=1))

    hear(tap, "birth", frame(FALSE, sealer, number=2))

    assert tap.tables.channels(NODE, BIRTH.table) == CHANNELS


def test_the_node_itself_puts_right_what_somebody_else_said_of_its_columns() -> None:
    tap = reading()
    hear(tap, "birth", frame(FALSE, None, number=2))
    assert tap.tables.channels(NODE, BIRTH.table) == FALSE.channels

    hear(tap, "birth", frame(BIRTH, SIGNER, number=3))

    assert tap.tables.channels(NODE, BIRTH.table) == CHANNELS


def test_a_forged_table_is_shown_and_not_believed() -> None:
    tap = reading()

    (line,) = told(tap, BIRTH, FORGER)

    assert "[forged]" in line
    assert tap.tables.channels(NODE, BIRTH.table) is None


def test_a_table_that_comes_twice_by_two_subscriptions_is_shown_once() -> None:
    tap = reading()

    assert [len(told(tap, BIRTH)) for _ in range(2)] == [1, 0]


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("body", samples.MESSAGES, ids=tag_of)
def test_every_message_is_a_line(body: messages.Message, *, as_json: bool) -> None:
    tap = reading(as_json=as_json)

    (line,) = hear(tap, "cmd", frame(body, SCHEDULER))

    assert tap.damaged == {}
    assert "\n" not in line
    if as_json:
        found = json.loads(line)
        assert (found["class"], found["verified"]) == ("cmd", True)
    else:
        assert tag_of(body) in line or isinstance(body, Upload)


PLAIN = [each for each in samples.RECORDS if not isinstance(each, telemetry.Telemetry)]


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("record", [BATCH, *PLAIN], ids=tag_of)
def test_every_record_is_a_line_or_its_rows_are(record: Any, *, as_json: bool) -> None:
    tap = reading(as_json=as_json)
    told(tap, BIRTH)

    lines = hear(tap, "up/event", tagged(record, RecordClass.EVENT))

    assert tap.damaged == {}
    assert len(lines) == (2 if record is BATCH else 1)
    assert all(tag_of(record) in line or record is BATCH for line in lines)


def test_what_was_said_before_site_time_was_known_has_no_time() -> None:
    header = Header(node=NODE, boot=BOOT, number=1, local_ns=5, site_ns=0)
    payload = encode(header, BIRTH, SIGNER)

    (text,) = hear(reading(), "birth", payload)
    (line,) = hear(reading(as_json=True), "birth", payload)

    assert text.startswith("-  digger-1  birth stream_birth  ")
    assert json.loads(line)["time_ns"] is None


def test_of_the_nodes_that_were_named_those_that_did_not_speak_are_known() -> None:
    tap = reading(NODE, "nosuch")

    told(tap, BIRTH)
    hear(tap, "cmd", frame(messages.Farewell(node=NODE, orderly=True)), node="nosuch")

    assert tap.unheard == ["nosuch"]


def test_records_of_which_nothing_is_left_are_told() -> None:
    (line,) = hear(reading(), "up/raw", frame(UPLOAD))

    assert line.endswith("raw dropped  first_seq=7 seq=9 count=36")


def test_what_is_damaged_is_counted_by_reason_and_is_no_line() -> None:
    tap = reading()
    good = frame(BIRTH)
    short = msgspec.structs.replace(BATCH, values=BATCH.values[:-1])
    deep = messages.View(name="x", site_ns=0, rows=b"[" * 100_000)

    lines = [
        *hear(tap, "birth", good[:-1] + bytes([good[-1] ^ 1])),
        *hear(tap, "birth", b"x"),
        *hear(tap, "birth", bytes(300_000)),
        *tap.take("elsewhere", good, 0.0),
        *hear(tap, "view", frame(deep)),
    ]
    told(tap, BIRTH)
    lines += hear(tap, "up/raw", tagged(short))

    assert lines == []
    reasons = {"checksum": 1, "garbage": 2, "oversized": 1, "topic": 1, "columns": 1}
    assert tap.damaged == reasons


@pytest.mark.parametrize("as_json", [False, True])
def test_rows_too_deep_to_be_shown_end_nothing(*, as_json: bool) -> None:
    rows = b'{"a":' * 700 + b"1" + b"}" * 700
    deep = messages.Answer(request="r", ok=True, text="", rows=rows)
    tap = reading(as_json=as_json)

    lines = hear(tap, "reply", frame(deep, SCHEDULER))

    assert len(lines) + tap.damaged.get("garbage", 0) == 1


def test_a_blank_that_is_said_twice_is_shown_once() -> None:
    twice = msgspec.structs.replace(BATCH, blanks=BATCH.blanks * 2)
    tap = reading()
    told(tap, BIRTH)

    _, second = hear(tap, "up/raw", tagged(twice))

    assert second.count("motor_c=-") == 1


def test_tables_are_kept_in_bounded_number() -> None:
    tap = reading()
    for number in range(100):
        body = msgspec.structs.replace(BIRTH, table=number)
        hear(tap, "birth", frame(body, SIGNER, number=number + 1))
    for number in range(2 * NODES_MAX):
        hear(tap, "birth", frame(BIRTH, None), node=f"node-{number}")

    kept = [number for number in range(100) if tap.tables.channels(NODE, number)]
    names = [NodeId(f"node-{number}") for number in range(2 * NODES_MAX)]
    known = [name for name in names if tap.tables.channels(name, BIRTH.table)]
    assert kept == [*range(84, 100)]
    assert len(known) == NODES_MAX - 1


def test_a_late_batch_that_is_damaged_stops_no_other() -> None:
    tap = reading()
    short = msgspec.structs.replace(BATCH, values=BATCH.values[:-1])
    hear(tap, "up/raw", tagged(short))
    hear(tap, "up/raw", tagged(BATCH))

    assert len(told(tap, BIRTH)) == 3
    assert tap.damaged == {"columns": 1}


def test_a_text_from_outside_draws_nothing_on_a_screen() -> None:
    event = next(each for each in samples.RECORDS if tag_of(each) == "event")
    evil = msgspec.structs.replace(event, text="\x1b[2Jgone\nnext")

    (line,) = hear(reading(), "up/event", tagged(evil, RecordClass.EVENT))

    assert line.isprintable()
    assert "gone?next" in line


def test_a_unit_from_outside_draws_nothing_on_a_screen_either() -> None:
    channels = (Channel(name="x", unit="\x1b[2J"),)
    batch = telemetry.pack(channels, Samples([1], [Series([0], [1.0])], []), (0, 2))
    tap = reading()
    told(tap, StreamBirth(table=batch.table, channels=channels))

    (line,) = hear(tap, "up/raw", tagged(batch))

    assert line.endswith("x=1 ?[2J")


def test_a_number_that_json_has_not_is_null() -> None:
    situation = msgspec.structs.replace(samples.SITUATION, battery_wh=float("nan"))

    (line,) = hear(reading(as_json=True), "node", frame(messages.Heartbeat(situation=situation)))

    assert json.loads(line)["body"]["situation"]["battery_wh"] is None


@pytest.mark.parametrize(
    ("words", "topic", "is_shown"),
    [
        ({"classes": ("node",)}, "digger-1/node", True),
        ({"classes": ("node",)}, "digger-1/ask", False),
        ({"classes": ("raw", "alarm")}, "digger-1/up/alarm", True),
        ({"classes": ("raw", "alarm")}, "digger-1/up/event", False),
        ({"topic": "+/node"}, "digger-1/node", True),
        ({"topic": "+/node"}, "digger-1/ask", False),
        ({"topic": "digger-1/#"}, "digger-1/up/event", True),
        ({"topic": "lunaredge/v1/yard/+/ask"}, "digger-1/ask", True),
        ({"topic": "lunaredge/v1/other/+/ask"}, "digger-1/ask", False),
    ],
)
def test_what_was_chosen_is_shown_and_nothing_else(
    words: dict[str, Any], topic: str, *, is_shown: bool
) -> None:
    tap = reading(**words)
    node, channel = topic.split("/", 1)
    payload = frame(messages.Farewell(node=NODE, orderly=True))

    assert bool(hear(tap, channel, payload, node=node)) is is_shown
    assert bool(hear(reading("hauler-1", **words), channel, payload, node=node)) is False
