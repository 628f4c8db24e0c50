"""What keeps people safe from machines: lock-outs, driving by hand, closed zones.

Part of the messages; `wire.messages` has the union of all.
"""

import msgspec

from lunaredge.ids import CommandId, NodeId
from lunaredge.model.site import Point
from lunaredge.wire.body import RequestId

# A longer reason is cut by whoever keeps it.
WHY_LENGTH_MAX = 200


class _Safeguard(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of these bodies."""


# --- scheduler -> node ------------------------------------------------------------------------


class LockOut(_Safeguard, frozen=True, kw_only=True, tag="lock_out"):
    """Come to rest, and don't move by yourself while this tag hangs on you. Latched durably."""

    command: CommandId
    tag: str


class Unlock(_Safeguard, frozen=True, kw_only=True, tag="unlock"):
    """Take one tag off; others may still hang there."""

    command: CommandId
    tag: str


# --- operators and Earth -> scheduler ---------------------------------------------------------


class LockOutRequest(_Safeguard, frozen=True, kw_only=True, tag="lock_out_request"):
    """Hang my tag on a machine: it is out of the plan until I take the tag off.

    With an outline or a radius it may be driven by hand in there; without, it is to stand.
    """

    request: RequestId
    node: NodeId
    why: str
    outline: tuple[Point, ...] = ()
    """Corners of the area for driving by hand."""
    radius_m: float = 0.0
    """Instead of an outline: the area round where it stands."""
    code: str = ""
    """Of a first such request, where the new tag takes the place of an earlier one of mine."""


class UnlockRequest(_Safeguard, frozen=True, kw_only=True, tag="unlock_request"):
    """Take a tag off a machine. Without a code, asks for one; with it, it is done.

    Who hung it there takes it off alone; else two others have to, each for himself.
    """

    request: RequestId
    node: NodeId
    whose: str = ""
    """Key of the one whose tag is meant; empty: my own, or the only one."""
    code: str = ""


class CloseRequest(_Safeguard, frozen=True, kw_only=True, tag="close_request"):
    """Close a zone to every machine: for a lander, a person, a blast."""

    request: RequestId
    zone: str
    """Name of a zone of the site; with an outline, the name that it gets."""
    why: str
    outline: tuple[Point, ...] = ()
    """Corners of the area; a single point is the middle of a disc."""
    radius_m: float = 0.0
    """Of the disc."""


class OpenRequest(_Safeguard, frozen=True, kw_only=True, tag="open_request"):
    """Open a closed zone. Without a code, asks for one; with it, opens."""

    request: RequestId
    zone: str
    code: str = ""
