"""The page for other languages: its bytes are those that travel, and mean what it says."""

import re

import msgpack

from lunaredge.ids import BootId, NodeId
from lunaredge.wire import telemetry
from lunaredge.wire.codec import Header, encode
from lunaredge.wire.messages import RebirthRequest
from lunaredge.wire.records import decode_record, encode_record
from lunaredge.wire.telemetry import Channel, Dtype, Samples, Series, Telemetry
from tests.style.source import ROOT

PAGE = (ROOT / "docs/reference/wire.md").read_text(encoding="utf-8")
SITE_NS = 1_800_000_000_000_000_000
CHANNELS = (
    Channel(name="battery_wh", unit="Wh"),
    Channel(name="ticks", unit="", dtype=Dtype.I4),
)


def block(start: str) -> bytes:
    """Give the bytes of the block of pure hex that begins so."""
    found = re.search(r"^((?:    (?:[0-9a-f]{2} ?)+\n)+)", PAGE[PAGE.index(f"    {start}") :], re.M)
    assert found is not None
    return bytes.fromhex(found[1])


def column(name: str) -> bytes:
    """Give the bytes of one column of the worked example."""
    found = re.search(rf"^    {name} +((?:[0-9a-f]{{2}}  ?)+)", PAGE, re.MULTILINE)
    assert found is not None
    return bytes.fromhex(found[1])


def test_the_frame_on_the_page_is_what_a_client_sends() -> None:
    header = Header(
        node=NodeId("cli-1"),
        boot=BootId(1),
        number=1,
        to=NodeId("digger-1"),
        local_ns=0,
        site_ns=SITE_NS,
    )

    assert block("95 01 c4 41") == encode(header, RebirthRequest())


def test_the_batch_on_the_page_says_what_the_page_says() -> None:
    samples = Samples(
        times_ns=[SITE_NS + k * 10**9 for k in range(3)],
        series=[Series([0, 1, 2], [4200.0, 4199.5, 4199.0]), Series([1], [7])],
        blanks=[(2, 1)],
    )
    batch = telemetry.pack(CHANNELS, samples, (SITE_NS, SITE_NS + 3 * 10**9))
    record = block("89 a4 74 79 70 65 a9")

    assert record == encode_record(batch)
    decoded = decode_record(record)
    assert isinstance(decoded, Telemetry)
    assert decoded.table == telemetry.table_of(CHANNELS) == 1_791_764_340
    fields = msgpack.unpackb(record)
    names = ("times_ns", "counts", "rows", "values", "blanks")
    assert {name: column(name) for name in names} == {name: fields[name] for name in names}


def test_the_page_links_what_it_explains() -> None:
    words = re.findall(r"`(x-[a-z0-9-]+)`", PAGE)
    schema = (ROOT / "docs/reference/wire/schema.json").read_text(encoding="utf-8")
    asyncapi = (ROOT / "docs/reference/wire/asyncapi.json").read_text(encoding="utf-8")

    used = set(re.findall(r'"(x-[a-z0-9-]+)"', schema))
    assert {word for word in words if f'"{word}"' not in schema + asyncapi} == set()
    assert used - set(words) <= {"x-conventions", "x-version"}
