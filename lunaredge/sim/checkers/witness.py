"""Turns frames seen on the wire into evidence.

Knows the wire format, which the checkers don't. Takes every frame at its first hop, in order of
time: from the simulated broker, or from a tap on a real one.
"""

import msgspec

from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import ClientId, NodeId, TaskId
from lunaredge.model.site import Point
from lunaredge.sim.checkers import evidence as seen
from lunaredge.sim.checkers.requests import word_of
from lunaredge.wire import messages, records, safeguards, topics
from lunaredge.wire.codec import Header, Received, decode
from lunaredge.wire.seal import Keyring, Role
from lunaredge.wire.topics import Topic

_COMMANDS = ("cmd", "ma")
# What people ask on, and are answered on, where the topic names the client. Nodes reply too.
_DESK = ("request", "reply")


class Witness:
    """Reads frames as any holder of the public keys can."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def read(self, topic: str, payload: bytes, at_ns: int) -> list[seen.Evidence]:
        """Give what a frame proves; nothing for frames that no honest node would take."""
        where = topics.parse(topic)
        if where is None:
            return []
        try:
            frame = decode(payload, self._keyring)
        except RemoteProtocolError:
            return []
        return self.hear(where, frame, at_ns)

    def hear(self, where: Topic, frame: Received, at_ns: int) -> list[seen.Evidence]:
        """Give what a frame proves that has been taken apart and checked."""
        if where.channel in _COMMANDS:
            return _from_command(where.node, frame, at_ns)
        if where.channel in _DESK:
            return _from_desk(ClientId(where.detail), frame, at_ns)
        return _from_word(frame.header, frame.body, at_ns)


def _from_command(node: NodeId, frame: Received, at_ns: int) -> list[seen.Evidence]:
    if frame.role is not Role.SCHEDULER:
        return []
    body = frame.body
    match body:
        case messages.Grant():
            return [
                seen.Granted(
                    at_ns=at_ns,
                    machine=node,
                    command=body.command,
                    authority=body.authority,
                    request_no=body.request_no,
                    path=body.path,
                    stop_m=body.stop_m,
                    overlap_m=body.overlap_m,
                    revision=body.revision,
                    half_width_m=body.half_width_m,
                    lifetime_ns=body.lifetime_ns,
                    home_lifetime_ns=body.home_lifetime_ns,
                    epoch=frame.header.epoch,
                    from_m=body.from_m,
                )
            ]
        case messages.Renew():
            return [
                seen.Renewed(
                    at_ns=at_ns,
                    machine=node,
                    authority=body.authority,
                    request_no=body.request_no,
                    stop_m=body.stop_m,
                    revision=body.revision,
                    lifetime_ns=body.lifetime_ns,
                )
            ]
        case messages.Shorten():
            return [
                seen.Shortened(
                    at_ns=at_ns,
                    machine=node,
                    authority=body.authority,
                    stop_m=body.stop_m,
                    revision=body.revision,
                    epoch=frame.header.epoch,
                )
            ]
        case messages.ReleaseStop():
            return [seen.StopReleased(at_ns=at_ns, node=node, stop=body.stop)]
        case safeguards.LockOut():
            return [seen.Tagged(at_ns=at_ns, node=node, tag=body.tag)]
        case safeguards.Unlock():
            return [seen.Unlocked(at_ns=at_ns, node=node, tag=body.tag)]
        case messages.Assign():
            return [seen.Assigned(at_ns=at_ns, node=node, task=body.task, attempt=body.attempt)]
        case _:
            return []


def _from_word(header: Header, body: messages.Message, at_ns: int) -> list[seen.Evidence]:
    node, boot = header.node, header.boot
    match body:
        case messages.AuthorityRequest() | messages.AuthorityRenewal():
            renewal = isinstance(body, messages.AuthorityRenewal)
            return [
                seen.Asked(
                    at_ns=at_ns,
                    machine=node,
                    boot=boot,
                    request_no=body.request_no,
                    renewal=renewal,
                )
            ]
        case messages.CommandReply():
            return [
                seen.Replied(
                    at_ns=at_ns,
                    node=node,
                    boot=boot,
                    command=body.command,
                    ok=body.ok,
                    reason=body.reason,
                )
            ]
        case messages.Birth() | messages.Heartbeat():
            return [_situated(header, body.situation, at_ns)]
        case messages.Upload():
            return _from_upload(node, body, at_ns)
        case messages.Submit():
            return [seen.Submitted(at_ns=at_ns, tasks=body.order.tasks)]
        case messages.Approve():
            return [seen.Approved(at_ns=at_ns, task=body.task, approved=body.approved)]
        case messages.View(name="closures"):
            return _from_closures(body, at_ns)
        case messages.View(name="nodes"):
            return _from_nodes(body, at_ns)
        case messages.View(name="tasks"):
            return _from_tasks(body, at_ns)
        case _:
            return []


def _from_desk(client: ClientId, frame: Received, at_ns: int) -> list[seen.Evidence]:
    """Take what a person asked, and what the scheduler answered."""
    body = frame.body
    if isinstance(body, messages.Answer):
        asking = seen.Asking(client, body.request)
        is_told = frame.role is Role.SCHEDULER
        return [seen.Answered(at_ns=at_ns, asking=asking, ok=body.ok)] if is_told else []
    word = word_of(client, frame.header.key, body, at_ns)
    return [word] if word is not None else _from_word(frame.header, body, at_ns)


def _situated(header: Header, situation: messages.Situation, at_ns: int) -> seen.Situated:
    return seen.Situated(
        at_ns=at_ns,
        node=header.node,
        boot=header.boot,
        at_rest=situation.at_rest,
        posed=situation.x_m is not None,
        authority=situation.authority,
        refused=situation.refused,
        locks=situation.locks,
        epoch=situation.epoch,
    )


def _from_upload(node: NodeId, upload: messages.Upload, at_ns: int) -> list[seen.Evidence]:
    offered = seen.Offered(
        at_ns=at_ns,
        node=node,
        boot=upload.boot,
        record_class=upload.record_class,
        first_seq=upload.first_seq,
        seq=upload.seq,
        count=upload.count,
        dropped=upload.dropped,
    )
    if upload.record_class is not messages.RecordClass.STATE or upload.dropped:
        return [offered]
    try:
        record = records.decode_record(upload.record)
    except RemoteProtocolError:
        return [offered]
    if not isinstance(record, records.TaskReport):
        return [offered]
    reported = seen.Reported(
        at_ns=at_ns,
        node=node,
        task=record.task,
        attempt=record.attempt,
        outcome=record.outcome.value,
    )
    return [offered, reported]


class _TaskRow(msgspec.Struct, frozen=True):
    """The columns of the tasks view that matter here."""

    task: TaskId
    phase: str


_rows = msgspec.json.Decoder(list[_TaskRow])


class _ClosureRow(msgspec.Struct, frozen=True):
    """The columns of the closures view that matter here."""

    zone: str
    phase: str
    area: tuple[Point, ...]


_closure_rows = msgspec.json.Decoder(list[_ClosureRow])


def _from_closures(view: messages.View, at_ns: int) -> list[seen.Evidence]:
    try:
        rows = _closure_rows.decode(view.rows)
    except msgspec.DecodeError:
        return []
    zones = {row.zone: row.area for row in rows if row.phase == "clear"}
    others = tuple(row.zone for row in rows if row.phase not in ("clear", "opened"))
    return [seen.Cleared(at_ns=at_ns, zones=zones, others=others)]


class _TagRow(msgspec.Struct, frozen=True):
    """What the nodes view says of a tag."""

    by: str
    since_ns: int
    area: tuple[Point, ...] | None = None


class _LockoutRow(msgspec.Struct, frozen=True):
    """What the nodes view says of a lock-out."""

    phase: str
    tags: tuple[_TagRow, ...]


class _NodeRow(msgspec.Struct, frozen=True):
    """The columns of the nodes view that matter here."""

    node: NodeId
    x_m: float | None = None
    y_m: float | None = None
    lockout: _LockoutRow | None = None


_node_rows = msgspec.json.Decoder(list[_NodeRow])


def _from_nodes(view: messages.View, at_ns: int) -> list[seen.Evidence]:
    try:
        rows = _node_rows.decode(view.rows)
    except msgspec.DecodeError:
        return []
    machines = {
        row.node: tuple(
            seen.ShownTag(tag.by, tag.since_ns, tag.area or ()) for tag in row.lockout.tags
        )
        for row in rows
        if row.lockout is not None and row.lockout.phase == "locked"
    }
    places = {
        row.node: (row.x_m, row.y_m) for row in rows if row.x_m is not None and row.y_m is not None
    }
    return [
        seen.LockedOut(at_ns=at_ns, machines=machines),
        seen.Located(at_ns=at_ns, places=places),
    ]


def _from_tasks(view: messages.View, at_ns: int) -> list[seen.Evidence]:
    try:
        rows = _rows.decode(view.rows)
    except msgspec.DecodeError:
        return []
    return [seen.TaskSeen(at_ns=at_ns, task=row.task, phase=row.phase) for row in rows]
