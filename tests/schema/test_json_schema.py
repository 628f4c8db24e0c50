"""The JSON Schema says what the code does: of every sample, and of what is wrong with one."""

import math
from typing import Any

import msgpack
import msgspec
import pytest
from jsonschema import Draft202012Validator

from lunaredge.cli.main import main
from lunaredge.cli.schema import asyncapi, command, json_schema
from lunaredge.errors import RemoteProtocolError
from lunaredge.wire import messages
from lunaredge.wire.codec import encode
from lunaredge.wire.records import decode_record, encode_record
from lunaredge.wire.seal import KeyId, Role, Signer
from tests.schema.validator import validator
from tests.style.source import ROOT
from tests.wire.samples import HEADER, MESSAGES, RECORDS, SIGNER, tag_of

DOCUMENT = json_schema.document()
FRAME = validator(DOCUMENT, "Frame")
MESSAGE = validator(DOCUMENT, "Message")
RECORD = validator(DOCUMENT, "Record")
UPLOAD = next(body for body in MESSAGES if isinstance(body, messages.Upload))
# A value for each kind of wrong: too low, too high, of another type, nothing, or none at all.
WRONG = (None, True, -1, 2**63, 1.5, math.inf, "x", b"", [], ["x"], {}, {"x": 1})


@pytest.mark.parametrize("name", [json_schema.FILE, asyncapi.FILE])
def test_the_checked_in_document_is_current(name: str) -> None:
    folder = "docs/reference/wire"

    assert (ROOT / folder / name).read_text(encoding="utf-8") == command.texts()[name], (
        f"the wire has changed; write its documents anew: lunaredge schema --write {folder}"
    )


def test_the_document_is_a_json_schema() -> None:
    assert Draft202012Validator.check_schema(DOCUMENT) is None
    assert DOCUMENT["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("body", MESSAGES, ids=tag_of)
def test_every_frame_satisfies_it_down_to_its_body(body: messages.Message) -> None:
    frame = msgpack.unpackb(encode(HEADER, body, SIGNER))

    assert not list(FRAME.iter_errors(frame))


@pytest.mark.parametrize("record", RECORDS, ids=tag_of)
def test_every_record_satisfies_it_inside_of_its_frame(record: Any) -> None:
    upload = msgspec.structs.replace(UPLOAD, record=encode_record(record))
    bare = msgspec.structs.replace(UPLOAD, record=msgpack.packb({"type": tag_of(record)}))

    assert not list(FRAME.iter_errors(msgpack.unpackb(encode(HEADER, upload, SIGNER))))
    assert list(FRAME.iter_errors(msgpack.unpackb(encode(HEADER, bare, SIGNER))))


def test_a_tagged_frame_and_an_unsigned_one_satisfy_it() -> None:
    node = Signer(KeyId("digger-1"), Role.NODE, bytes(32))

    for sealer in (None, node.tagger(SIGNER.public)):
        assert not list(FRAME.iter_errors(msgpack.unpackb(encode(HEADER, UPLOAD, sealer))))


@pytest.mark.parametrize("place", range(5), ids=["version", "header", "body", "signature", "crc"])
@pytest.mark.parametrize("value", [None, "x", -1, 2**32, b"x"], ids=repr)
def test_a_frame_that_is_none_does_not(place: int, value: Any) -> None:
    frame = msgpack.unpackb(encode(HEADER, UPLOAD, SIGNER))
    frame[place] = value

    try:
        errors = list(FRAME.iter_errors(frame))
    except (ValueError, msgpack.UnpackException):
        return
    assert errors


def is_refused(value: dict[str, Any], kind: Any) -> bool:
    """Tell whether the decoder of the code refuses a map."""
    try:
        if kind is messages.Message:
            msgspec.msgpack.decode(msgpack.packb(value), type=kind)
        else:
            decode_record(msgpack.packb(value), columns=False)
    except msgspec.ValidationError as exc:
        # What one field says of another is a rule of the code alone.
        return "upload of numbers" not in str(exc)
    except RemoteProtocolError as exc:
        return exc.reason == "garbage"
    return False


def disagreements(sample: Any, kind: Any, checker: Any) -> list[tuple[str, Any]]:
    """Give each field and value in it of which schema and decoder think otherwise."""
    fields = msgpack.unpackb(msgspec.msgpack.encode(sample))
    found = []
    for name in fields:
        without = {key: value for key, value in fields.items() if key != name}
        for value in ({name: wrong} for wrong in WRONG):
            if checker.is_valid(without | value) is is_refused(without | value, kind):
                found.append((name, value[name]))
        if checker.is_valid(without) is is_refused(without, kind):
            found.append((name, "left out"))
    return found


@pytest.mark.parametrize("body", MESSAGES, ids=tag_of)
def test_of_a_message_it_refuses_what_the_decoder_refuses(body: Any) -> None:
    assert disagreements(body, messages.Message, MESSAGE) == []


@pytest.mark.parametrize("record", RECORDS, ids=tag_of)
def test_of_a_record_it_refuses_what_the_decoder_refuses(record: Any) -> None:
    assert disagreements(record, None, RECORD) == []


def described(schema: Any) -> list[dict[str, Any]]:
    """Give every part of a schema that is a string of bytes."""
    if isinstance(schema, list):
        return [part for each in schema for part in described(each)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if schema.get("contentEncoding") else []
    return own + [part for each in schema.values() for part in described(each)]


def test_of_all_bytes_it_says_what_they_hold() -> None:
    signature = DOCUMENT["$defs"]["Frame"]["prefixItems"][3]

    blind = [
        part
        for part in described(DOCUMENT["$defs"])
        if not {"contentMediaType", "x-column"} & part.keys() and part is not signature
    ]

    assert blind == [], "add them to lunaredge/cli/schema/contents.py"


def test_every_field_whose_name_ends_with_a_unit_tells_it() -> None:
    fields = {
        f"{shape}.{name}": field
        for shape, schema in DOCUMENT["$defs"].items()
        for name, field in schema.get("properties", {}).items()
    }

    assert fields["Grant.speed_m_s_max"]["x-unit"] == "m/s"
    assert fields["Situation.battery_wh"]["x-unit"] == "Wh"
    assert "x-unit" not in fields["Upload.first_seq"]
    bare = [
        name for name, field in fields.items() if name.endswith("_ns") and "x-unit" not in field
    ]
    assert bare == []


def test_classes_and_fields_say_what_they_are() -> None:
    definitions = DOCUMENT["$defs"]

    assert all(schema["description"] for schema in definitions.values())
    assert definitions["Telemetry"]["properties"]["values"]["description"].startswith("The values")
    assert "home" in definitions["OnLoss"]["x-enum-descriptions"]
    assert definitions["Neighbour"]["prefixItems"][1]["title"] == "number"


def test_the_command_prints_either_document_and_writes_both(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = command.texts()

    assert main(["schema"]) == 0
    assert capsys.readouterr().out == texts[json_schema.FILE]
    assert main(["schema", "--asyncapi"]) == 0
    assert capsys.readouterr().out == texts[asyncapi.FILE]
    assert main(["schema", "--write", str(tmp_path / "new")]) == 0
    assert {each.name: each.read_text() for each in (tmp_path / "new").iterdir()} == texts


def test_a_folder_that_cannot_be_written_to_is_named(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("")

    assert main(["schema", "--write", str(taken)]) == 2
    assert str(taken) in capsys.readouterr().err
