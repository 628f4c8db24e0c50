"""One line of what was said: for a person, and for a script."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from lunaredge.printable import printable
from lunaredge.units import NS_PER_MS, NS_PER_S
from lunaredge.wire.codec import Seen, Standing
from lunaredge.wire.telemetry import Channel, Dtype
from lunaredge.wire.topics import Topic

# Of a float32 no more is known.
_FLOAT32_DIGITS = 7


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """Where something was said, by whom, and who can vouch for it."""

    topic: Topic
    seen: Seen
    label: str
    """Class of the record, or channel that it was said on."""
    kind: str
    """The word for its class on the wire; of a row of telemetry ``sample``."""
    time_ns: int | None
    """Site time; None where who said it did not know it yet."""


class Value(msgspec.Struct, frozen=True):
    """A value of a channel; None from where it has none."""

    channel: Channel
    value: float | None


def sample_text(said: Said, values: list[Value]) -> str:
    """Give a row of telemetry for a person."""
    words = [
        f"{each.channel.name}={_number(each)} {printable(each.channel.unit)}".rstrip()
        for each in values
    ]
    return _text(said, "  ".join(words))


def sample_json(said: Said, values: list[Value]) -> bytes:
    """Give a row of telemetry for a script."""
    document = _document(said) | {
        "values": {each.channel.name: each.value for each in values},
        "units": {each.channel.name: each.channel.unit for each in values},
    }
    return msgspec.json.encode(document)


def text_of(said: Said, content: dict[str, Any]) -> str:
    """Give anything else for a person: what of it says something that is not on the line yet."""
    words = [
        f"{printable(key)}={_word(value)}"
        for key, value in _flat(content).items()
        if value not in (None, "", (), {}) and key != "site_ns"
    ]
    return _text(said, " ".join(words))


def json_of(said: Said, content: dict[str, Any]) -> bytes:
    """Give anything else for a script."""
    return msgspec.json.encode(_document(said) | {"body": content})


def _text(said: Said, words: str) -> str:
    label = said.label if said.kind in (said.label, "sample") else f"{said.label} {said.kind}"
    standing = said.seen.standing
    # Ahead of what it is about: a narrow screen cuts the end.
    mark = "" if standing is Standing.VERIFIED else f"  [{standing.value}]"
    return f"{_iso(said.time_ns)}  {said.topic.node}  {label}{mark}  {words}".rstrip()


def _document(said: Said) -> dict[str, Any]:
    header = said.seen.header
    return {
        "time_ns": said.time_ns,
        "node": said.topic.node,
        "class": said.label,
        "type": said.kind,
        "verified": said.seen.standing is Standing.VERIFIED,
        "standing": said.seen.standing.value,
        "key": header.key,
        "from": header.node,
        "to": header.to,
        "boot": header.boot,
        "number": header.number,
    }


def _number(given: Value) -> str:
    if given.value is None:
        return "-"
    if given.channel.dtype is Dtype.F4:
        return f"{given.value:.{_FLOAT32_DIGITS}g}"
    return repr(given.value)


def _flat(content: dict[str, Any]) -> dict[str, Any]:
    """Give a map's fields, and those of a map inside beside them where no other is called so."""
    flat: dict[str, Any] = {}
    for key, value in content.items():
        if not isinstance(value, dict):
            flat[key] = value
            continue
        for inner, part in value.items():
            flat[f"{key}.{inner}" if inner in content or inner in flat else inner] = part
    return flat


def _word(value: object) -> str:
    """Give a value as one word."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.{_FLOAT32_DIGITS}g}"
        case bytes():
            return f"<{len(value)} bytes>"
        case dict():
            return f"{{{' '.join(f'{_word(key)}={_word(part)}' for key, part in value.items())}}}"
        case list() | tuple():
            return f"[{' '.join(map(_word, value))}]"
    word = printable(str(value))
    return f'"{word}"' if " " in word else word


def _iso(time_ns: int | None) -> str:
    if time_ns is None:
        return "-"
    at = datetime.fromtimestamp(time_ns // NS_PER_S, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{time_ns % NS_PER_S // NS_PER_MS:03d}Z"
