"""Movement authorities on the wire: asked for, granted, extended, shortened, reported, disputed.

Part of the messages; `wire.messages` has the union of all.
"""

import enum

import msgspec

from lunaredge.ids import AuthorityId, CommandId, NodeId, TaskId
from lunaredge.model.site import Coordinate, Point
from lunaredge.wire.body import Body, Count, Int64, Positive


class OnLoss(enum.Enum):
    """What a machine does with its authority once the scheduler is out of reach (A2)."""

    STOP = "stop"
    """Come to rest where it is."""
    STOP_POINT = "stop_point"
    """Use the authority up: go on to the stop point while the lease lives."""
    HOME = "home"
    """Use it up, then go back home: the way there is part of the path."""


class HeldAuthority(msgspec.Struct, frozen=True, kw_only=True):
    """The authority a node holds, and how much of it it gives back.

    The node will never again be on the path before ``released_m``; the scheduler may reuse it.
    Under ``revision`` and every one before it the node won't go beyond ``stop_m``.
    """

    id: AuthorityId
    released_m: Coordinate
    stop_m: Coordinate
    revision: Count
    at_stop: bool
    """At rest at the path's end, with no intention to use more of the path."""
    station_m: Coordinate = 0.0
    """Where on the path the node is."""


class AuthorityRequest(Body, frozen=True, kw_only=True, tag="authority_request"):
    """Ask to drive a leg of the task in hand, from where the machine stands at rest.

    The lease's age counts from the node's own sending of this request.
    """

    request_no: Int64
    task: TaskId
    attempt: Int64
    path: tuple[Point, ...]
    """The leg's path; the scheduler leads to its first point."""
    x_m: Coordinate
    y_m: Coordinate
    pose_error_m: Positive = 0.0
    """As in its situation, of which the newest may be late or lost."""


class AuthorityRenewal(Body, frozen=True, kw_only=True, tag="authority_renewal"):
    """Ask for more time on a held authority, and for a farther stop point."""

    request_no: Int64
    authority: AuthorityId


class Neighbour(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What the scheduler goes by of a neighbour's newest authority; every older one is over."""

    node: NodeId
    number: Count
    """See `Grant`."""
    ended: bool
    """Its holder has given it up."""
    released_m: Coordinate
    stop_m: Coordinate


class Grant(Body, frozen=True, kw_only=True, tag="grant"):
    """A movement authority: drive ``path`` up to the stop point, and no farther until told.

    ``half_width_m`` is half the width of the ground granted: the body at any heading, and every
    margin. ``deviation_m_max`` is how far the measured position may be from the path, so that the
    body, wherever its error lets it be, is still within that width.

    Lives ``lifetime_ns`` from the node's own sending of the request it answers.
    """

    command: CommandId
    request_no: Int64
    authority: AuthorityId
    number: Count
    """Rises with each authority that this leader grants, whoever gets it."""
    path: tuple[Point, ...]
    """The whole way; only what lies before the stop point is granted."""
    from_m: Coordinate = 0.0
    """Station at which the machine stands. What lies before it is its way home."""
    stop_m: Coordinate
    """Station of the stop point. A `Renew` puts it farther while the machine drives."""
    overlap_m: Coordinate
    """Also held free beyond the stop point, for brakes that are worse than told."""
    revision: Count
    """Rises with each shortening; a stop point of an older revision counts no more."""
    tool_from_m: float
    """Station from which the leg's tool acts."""
    half_width_m: float
    deviation_m_max: float
    pose_error_m: float
    """The bound the corridor was computed with; a machine whose pose is worse stands still."""
    clock_error_ns: Count
    """The bound the lifetime was computed with; a node whose clock is worse stands still."""
    speed_m_s_max: float
    lifetime_ns: Count
    on_loss: OnLoss
    home_lifetime_ns: Count = 0
    """So long, counted like ``lifetime_ns``, the way home may be taken; 0: there is none."""
    neighbours: tuple[Neighbour, ...] = ()
    """Everybody else's, by which the holder checks what it is granted against what it has heard."""


class Renew(Body, frozen=True, kw_only=True, tag="renew"):
    """More time on a held authority, counted from the sending of the request it answers.

    It brings the newest stop point along: a farther one where the way ahead is free.
    """

    command: CommandId
    request_no: Int64
    authority: AuthorityId
    stop_m: Coordinate
    revision: Count
    lifetime_ns: Count
    neighbours: tuple[Neighbour, ...] = ()
    """See `Grant`."""


class Shorten(Body, frozen=True, kw_only=True, tag="shorten"):
    """Stop nearer than was granted, as near to ``stop_m`` as the brakes allow.

    Nothing is free before the node's word says under this revision where it will stop.
    """

    command: CommandId
    authority: AuthorityId
    stop_m: Coordinate
    from_m: Coordinate = 0.0
    """What lies behind the machine and before this station is to be given back: the way home."""
    revision: Count


class Dispute(Body, frozen=True, kw_only=True, tag="dispute"):
    """Node to neighbour: I was granted ground of an authority of yours. Both stop."""

    authority: AuthorityId
    """The neighbour's."""
