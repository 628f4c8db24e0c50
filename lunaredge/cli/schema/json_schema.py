"""The JSON Schema of everything in a frame, made from the classes that read and write it."""

import enum
import inspect
import itertools
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
from msgspec import inspect as shapes

from lunaredge.cli.schema.contents import BATCHES, CONTENTS, MSGPACK, dtypes, nested
from lunaredge.cli.schema.docstrings import class_text, field_texts
from lunaredge.units import unit_of
from lunaredge.wire import frame, messages, records, seal
from lunaredge.wire.codec import FRAME_BYTES_MAX, VERSION, Header

Schema = dict[str, Any]

FILE = "schema.json"
_REF = "#/$defs/{name}"
_ROOTS = (Header, frame.Frame, *get_args(messages.Message), *get_args(records.Record))
_UNIONS = {
    "Message": (messages.Message, "What a frame's body is; `type` says which."),
    "Record": (records.Record, "What an upload's record is; `type` says which."),
}

HEAD = {
    "title": "What crosses the brokers of a lunaredge site",
    "description": (
        "The payload of each MQTT message is a Frame; asyncapi.json says on which topic which body "
        "travels. Generated from the code by `lunaredge schema`. How to read it: "
        "docs/reference/wire.md."
    ),
    "x-conventions": {
        "bytes": (
            'A string with "contentEncoding": "binary" is of msgpack\'s type bin; any other string '
            "is of its type str. Its lengths are in bytes, and a default is written with one "
            "letter for each byte."
        ),
        "nesting": (
            f'Bytes with "contentMediaType": "{MSGPACK}" hold one msgpack value of the schema '
            '"contentSchema". Empty bytes hold none.'
        ),
        "fields": (
            "A field that is left out has its default. One that no schema names is skipped: a "
            "later version may have it."
        ),
        "arrays": 'In an array with "prefixItems" each "title" is the name of what stands there.',
        "numbers": (
            "Integers have up to 64 bits: keep all of them. Where a number is meant an integer "
            "may stand. No number is NaN or infinite."
        ),
        "times": (
            "Names end with their unit, which is also in x-unit; _min and _max after it make it a "
            "bound. site_ns and end_ns are nanoseconds of site time since 1970-01-01 UTC."
        ),
        "columns": (
            "x-column: the bytes hold numbers one after another, of a type of x-dtypes, or each "
            "channel's values in its own type; with tuples, so many at a time, named in order. "
            "x-columns names the fields that make up a batch by what they are. times: of each row, "
            "counted from start. counts: of each channel, how many values; where it is empty, none "
            "has any. rows: of each channel that has fewer values than there are rows, their row "
            "numbers; one that has as many has one in each. values: channel by channel. blanks: "
            "from that row on that channel has no value. channels: the message that lists them, "
            "under the same number; askedBy is what a node says it on."
        ),
    },
}


def document() -> Schema:
    """Give the whole document."""
    _, defs = msgspec.json.schema_components(_ROOTS, ref_template=_REF)
    classes = {shape.__name__: shape for shape in _classes()}
    assert classes.keys() == defs.keys(), classes.keys() ^ defs.keys()
    for name, schema in defs.items():
        _complete(schema, classes[name])
    _complete_frame(defs[frame.Frame.__name__])
    for name, (union, text) in _UNIONS.items():
        defs[name] = _union(union, text)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **HEAD,
        "x-version": VERSION,
        "x-frame-bytes-max": FRAME_BYTES_MAX,
        "x-dtypes": {"byteOrder": "little", "types": dtypes()},
        "$ref": _REF.format(name=frame.Frame.__name__),
        "$defs": dict(sorted(defs.items())),
    }


def tag_of(body: type[msgspec.Struct]) -> str:
    """Give the word by which a body or record is known."""
    return str(body.__struct_config__.tag)


def plain(text: str) -> str:
    """Give a docstring's text as Markdown has it, which readers of the documents know."""
    return text.replace("``", "`")


def _union(union: Any, text: str) -> Schema:
    members = get_args(union)
    refs = {tag_of(body): _REF.format(name=body.__name__) for body in members}
    return {
        "description": text,
        "anyOf": [{"$ref": ref} for ref in refs.values()],
        "discriminator": {"propertyName": "type", "mapping": refs},
    }


def _complete(schema: Schema, shape: type) -> None:
    """Add to msgspec's schema of a class what only its text and its names say."""
    schema["description"] = plain(class_text(shape))
    texts = {name: plain(text) for name, text in field_texts(shape).items()}
    if issubclass(shape, enum.Enum):
        members = shape.__members__.items()
        said = {member.value: texts[name] for name, member in members if name in texts}
        if said:
            schema["x-enum-descriptions"] = said
        return
    assert issubclass(shape, msgspec.Struct)
    fields = msgspec.structs.fields(shape)
    if "prefixItems" in schema:
        places = schema["prefixItems"]
    else:
        places = [schema["properties"][field.encode_name] for field in fields]
        tag = schema["properties"].get("type", {}).get("enum")
        if tag is not None and len(tag) == 1:
            schema["properties"]["type"] = {"const": tag[0]}
    if shape.__name__ in BATCHES:
        schema["x-columns"] = BATCHES[shape.__name__]
    for field, place in zip(fields, places, strict=True):
        _mark_bytes(place)
        place |= CONTENTS.get((shape.__name__, field.name), {})
        if "prefixItems" in schema:
            place["title"] = field.encode_name
        if field.name in texts:
            place["description"] = texts[field.name]
        unit = unit_of(field.name)
        if unit is not None:
            place["x-unit"] = unit
        if isinstance(field.default, bytes):
            place["default"] = field.default.decode("latin-1")


def _complete_frame(schema: Schema) -> None:
    """Say what the frame's code does and its class can't."""
    version, header, body, signature, crc = schema["prefixItems"]
    version |= {"const": VERSION}
    header |= nested(Header.__name__)
    body |= nested("Message")
    signature["anyOf"] = [
        {"minLength": size_bytes, "maxLength": size_bytes}
        for size_bytes in (0, seal.TAG_BYTES, seal.SIGNATURE_BYTES)
    ]
    signature["description"] = (
        "Of the header's bytes and then the body's: Ed25519, or a keyed BLAKE2b tag for one reader "
        "(the shorter); empty where none is needed."
    )
    crc |= {"minimum": 0, "maximum": 2**32 - 1, "x-crc32-of": ["header", "body", "signature"]}
    crc["description"] = "CRC-32 as of zlib and Ethernet over these bytes, one after another."


def _mark_bytes(schema: Any) -> None:
    """Have bytes be msgpack's bin, and no base64, at any depth."""
    for part in _parts(schema):
        if part.get("contentEncoding") == "base64":
            part["contentEncoding"] = "binary"


def _parts(schema: Any) -> Iterator[Schema]:
    if isinstance(schema, dict):
        yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        yield from itertools.chain.from_iterable(map(_parts, schema))


def _classes() -> list[type]:
    """Give every class that one of the roots is made of."""
    found: dict[type, None] = {}
    waiting: list[Any] = list(shapes.multi_type_info(_ROOTS))
    while waiting:
        info = waiting.pop()
        if isinstance(info, shapes.StructType | shapes.EnumType):
            if info.cls in found:
                continue
            found[info.cls] = None
        if isinstance(info, shapes.Type | shapes.Field):
            waiting += [getattr(info, name) for name in info.__struct_fields__]
        elif isinstance(info, tuple | list):
            waiting += info
    assert all(inspect.isclass(shape) for shape in found)
    return list(found)
