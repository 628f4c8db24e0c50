"""The machine-driver protocol: how an agent and a machine's controller talk.

Frames on a stream are a 4-byte big-endian length and a msgpack map with a ``type``. A real
machine's flight software and the simulated machines speak the same: the agent can't tell them
apart. The controller is the machine's own and keeps the last word: a set-point dies in it within
the lifetime it declared in `Hello` unless it is refreshed, and it stops by itself for obstacles,
tilt and slip. Samples carry the controller's own time, and an order says on which sample it
rests: so neither side takes what waited in a queue for news.
"""

import struct
from collections.abc import Iterator

import msgspec

from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import NodeId
from lunaredge.model.site import Point
from lunaredge.model.task import Tool, WorkGoal
from lunaredge.wire.malformed import MALFORMED

VERSION = 2
FRAME_BYTES_MAX = 65_536
_LENGTH = struct.Struct(">I")


class _Frame(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of every driver frame."""


class Attach(_Frame, frozen=True, kw_only=True, tag="attach"):
    """Agent to controller, first word: I drive this machine."""

    version: int
    machine: NodeId


class Hello(_Frame, frozen=True, kw_only=True, tag="hello"):
    """Controller to agent, the answer. Times are in the machine's own seconds."""

    version: int
    machine: NodeId
    setpoint_lifetime_s: float
    basis_s_max: float
    """An order that rests on a sample older than this is refused."""


class Refused(_Frame, frozen=True, kw_only=True, tag="refused"):
    """Controller to agent: no, with the reason; the connection ends."""

    reason: str


class WorkStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far a goal is reached, as measured."""

    done: bool
    progress_ratio: float
    found_empty: bool = False
    """A Load found its pile empty."""


class Sample(_Frame, frozen=True, kw_only=True, tag="sample"):
    """Controller to agent, periodically: everything the machine measures."""

    clock_ns: int
    """When it was measured, on the controller's own monotonic clock."""
    x_m: float
    y_m: float
    heading_rad: float
    pose_error_m: float
    speed_m_s: float
    station_m: float
    """Distance covered along the path of order ``order_no``."""
    at_rest: bool
    order_no: int
    """The order in force; 0 when none is, or it died."""
    battery_wh: float
    charging: bool
    power_w: float
    payload_kg: float
    pitch_deg: float
    roll_deg: float
    slip_ratio: float
    motor_c: float
    blocked: bool
    """The controller stands for an obstacle, tilt or slip."""
    work: WorkStatus | None
    """Of the work order in force, or just finished."""
    spent_no: int = 0
    """No order up to this number is taken any more: halted, or followed by another."""
    brake_ratio: float = 1.0
    """Share of its rated deceleration that the machine's own monitoring vouches for."""
    scan: tuple[tuple[float, float, float], ...] = ()
    """Points measured by the scanner since the last sample."""


class Follow(_Frame, frozen=True, kw_only=True, tag="follow"):
    """Agent to controller: drive this path up to the stop station.

    Sent again with the same number to refresh it, perhaps with a further stop station. A new
    number starts at station 0, at the path's first point.
    """

    order_no: int
    basis_ns: int
    """``clock_ns`` of the newest sample that the agent knew."""
    path: tuple[Point, ...]
    stop_m: float
    speed_m_s: float
    tool: Tool | None
    tool_from_m: float


class Work(_Frame, frozen=True, kw_only=True, tag="work"):
    """Agent to controller: work on this goal, standing. Refreshed like Follow."""

    order_no: int
    basis_ns: int
    goal: WorkGoal


class Halt(_Frame, frozen=True, kw_only=True, tag="halt"):
    """Agent to controller: come to rest now and drop the order in force."""


MachineOrder = Follow | Work | Halt
DriverFrame = Attach | Hello | Refused | Sample | Follow | Work | Halt

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[DriverFrame] = msgspec.msgpack.Decoder(DriverFrame)


def encode_frame(frame: DriverFrame) -> bytes:
    """Give the bytes of a frame, length first."""
    body = _encoder.encode(frame)
    assert len(body) <= FRAME_BYTES_MAX
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Turns a stream's bytes into frames, whatever their slicing."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> Iterator[DriverFrame]:
        """Give the frames completed by this chunk.

        Raises:
            RemoteProtocolError: reason ``oversized`` or ``garbage``; the stream can't be read on.
        """
        self._buffer += chunk
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > FRAME_BYTES_MAX:
                raise RemoteProtocolError("oversized", f"driver frame of {length} bytes")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            try:
                yield _decoder.decode(body)
            except MALFORMED as exc:
                raise RemoteProtocolError("garbage", str(exc)) from exc
