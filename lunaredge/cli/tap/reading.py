"""From frames to lines: everything that `lunaredge tap` knows. Pure; is told the time."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from lunaredge.cli.tap.choice import Choice, class_of
from lunaredge.cli.tap.line import Said, Value, json_of, sample_json, sample_text, text_of
from lunaredge.cli.tap.tables import Late, Tables
from lunaredge.errors import RemoteProtocolError
from lunaredge.wire import topics
from lunaredge.wire.codec import Seen, look
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.messages import Answer, Message, StreamBirth, Upload, View
from lunaredge.wire.records import Record, Summary, decode_record
from lunaredge.wire.seal import Keyring
from lunaredge.wire.telemetry import Channel, Telemetry, unpack
from lunaredge.wire.topics import Topic

SAMPLE = "sample"


class Reading:
    """Turns what comes into lines, and counts what can't be one."""

    def __init__(self, choice: Choice, keyring: Keyring, *, as_json: bool) -> None:
        self.tables = Tables()
        self.message_count = 0
        self.unheard = list(choice.nodes)
        """Of the nodes that were named, those that have not spoken."""
        self.damaged: dict[str, int] = {}
        """Messages that could not be read, by reason."""
        self._choice = choice
        self._keyring = keyring
        self._as_json = as_json

    def take(self, topic: str, payload: bytes, now_s: float) -> Iterator[str]:
        """Give the lines of a message, and of those that it makes readable."""
        parsed = topics.parse(topic)
        if parsed is None:
            self._count("topic")
            return
        self.message_count += 1
        try:
            seen = look(payload, self._keyring)
            yield from self._lines(parsed, seen, now_s)
        except RemoteProtocolError as exc:
            self._count(exc.reason)
        except RecursionError:
            # Rows of JSON may be read to a depth from which they can't be written.
            self._count("garbage")

    def _lines(self, topic: Topic, seen: Seen, now_s: float) -> Iterator[str]:
        body = seen.body
        if topic.node in self.unheard and seen.header.node == topic.node:
            self.unheard.remove(topic.node)
        if isinstance(body, StreamBirth) and not self.tables.learn(topic, seen, body):
            return
        if self._choice.takes(topic):
            if isinstance(body, Upload):
                yield from self._upload(topic, seen, body, now_s)
            else:
                yield self._message(topic, seen)
        if isinstance(body, StreamBirth):
            for late in self.tables.ready(topic.node):
                yield from self._late(late)

    def _late(self, late: Late) -> Iterator[str]:
        channels = self.tables.channels(late.topic.node, late.batch.table)
        assert channels is not None, late.batch.table
        try:
            yield from self._rows(late.topic, late.seen, late.batch, channels)
        except RemoteProtocolError as exc:
            self._count(exc.reason)

    def _upload(self, topic: Topic, seen: Seen, upload: Upload, now_s: float) -> Iterator[str]:
        if not upload.record:
            said = _said(topic, seen, "dropped", seen.header.site_ns)
            yield self._line(
                said, {"first_seq": upload.first_seq, "seq": upload.seq, "count": upload.count}
            )
            return
        record = decode_record(upload.record)
        if isinstance(record, Telemetry):
            channels = self.tables.channels(topic.node, record.table)
            if channels is None:
                self.tables.wait(Late(topic, seen, record), now_s)
            else:
                yield from self._rows(topic, seen, record, channels)
            return
        content = self._content(record)
        if isinstance(record, Summary):
            rows = record.rows.items()
            content["rows"] = {name: row for name, row in rows if self._choice.takes_channel(name)}
            if rows and not content["rows"]:
                return
        yield self._line(_said(topic, seen, _tag(record), record.site_ns), content)

    def _rows(
        self, topic: Topic, seen: Seen, batch: Telemetry, channels: tuple[Channel, ...]
    ) -> Iterator[str]:
        """Give a line for each row in which a channel that was chosen has a value, or loses it."""
        samples = unpack(batch, channels)
        rows: list[list[Value]] = [[] for _ in samples.times_ns]
        # Said twice, it is shown once.
        blanks: list[dict[int, None]] = [{} for _ in channels]
        for row, index in samples.blanks:
            blanks[index][row] = None
        for channel, series, gone in zip(channels, samples.series, blanks, strict=True):
            if self._choice.takes_channel(channel.name):
                for row, value in zip(series.rows, series.values, strict=True):
                    rows[row].append(Value(channel, value))
                for row in gone:
                    rows[row].append(Value(channel, None))
        give: Callable[[Said, list[Value]], Any] = sample_json if self._as_json else sample_text
        for time_ns, values in zip(samples.times_ns, rows, strict=True):
            if values:
                yield _text(give(_said(topic, seen, SAMPLE, time_ns), values))

    def _message(self, topic: Topic, seen: Seen) -> str:
        content = self._content(seen.body)
        if isinstance(seen.body, View | Answer):
            content["rows"] = _rows_of(seen.body.rows)
            if not self._as_json and isinstance(content["rows"], list):
                content["rows"] = len(content["rows"])
        return self._line(_said(topic, seen, _tag(seen.body), seen.header.site_ns), content)

    def _line(self, said: Said, content: dict[str, Any]) -> str:
        return _text(json_of(said, content) if self._as_json else text_of(said, content))

    def _content(self, body: Record | Message) -> dict[str, Any]:
        """Give a body's fields; for a script, bytes are base64."""
        own = () if self._as_json else (bytes,)
        content: dict[str, Any] = msgspec.to_builtins(body, builtin_types=own)
        content.pop("type", None)
        return content

    def _count(self, reason: str) -> None:
        self.damaged[reason] = self.damaged.get(reason, 0) + 1


def _said(topic: Topic, seen: Seen, kind: str, time_ns: int) -> Said:
    return Said(topic=topic, seen=seen, label=class_of(topic), kind=kind, time_ns=time_ns or None)


def _rows_of(rows: bytes) -> object:
    """Give what the JSON of a view or an answer holds.

    Raises:
        RemoteProtocolError: reason ``garbage``.
    """
    try:
        return msgspec.json.decode(rows)
    except MALFORMED as exc:
        raise RemoteProtocolError("garbage", str(exc)) from exc


def _tag(body: Any) -> str:
    return str(body.__struct_config__.tag)


def _text(line: str | bytes) -> str:
    return line if isinstance(line, str) else line.decode()
