"""What came of an emergency stop: which nodes said that they have latched it, and which did not.

Pure: judges what was heard and finds the words for it. Sends and waits for nothing.
"""

import enum
from collections.abc import Mapping, Sequence

import msgspec

from lunaredge.ids import NodeId
from lunaredge.runtime.client import EXPIRY_NS
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import Answer, Situation, Stop

# A stop lives as long as any other word of an operator, also on its way from Earth.
KEPT_S = EXPIRY_NS / NS_PER_S


class NodeRow(msgspec.Struct, frozen=True):
    """What counts here in a row of the view `nodes`."""

    node: NodeId
    presence: str = "unknown"
    stops: tuple[str, ...] = ()
    stops_in_s: float | None = None
    """The longest time from when it hears a stop to rest; None is never, or for no machine."""
    authority: str | None = None
    """What it may move by."""
    may_move_s: float | None = None
    """How long it may still move if it hears nothing."""


class AlarmRow(msgspec.Struct, frozen=True):
    """What counts here in a row of the view `alarms`."""

    source: str
    code: str


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What is known once a stop was sent."""

    nodes: tuple[NodeRow, ...] | None
    """Rows of the view `nodes`, as the scheduler signed it; None when it has published none."""
    is_newer: bool
    """Whether that view was made when the scheduler had the stop: it leads nobody on any more."""
    words: Mapping[NodeId, Situation]
    """What each node said of itself, as it signed it."""


class Outcome(enum.Enum):
    """What came of a stop."""

    STOPPED = enum.auto()
    """Every node that was meant has confirmed it."""
    PARTLY = enum.auto()
    """Somebody answers, but not every node has confirmed."""
    NO_SUCH_NODE = enum.auto()
    UNHEARD = enum.auto()
    """Nobody answers."""


# As every command has them: a node that is not there is "not so", a part that is missing is 3.
EXIT_CODES = {
    Outcome.STOPPED: 0,
    Outcome.PARTLY: 1,
    Outcome.NO_SUCH_NODE: 1,
    Outcome.UNHEARD: 3,
}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Who has confirmed a stop, and who is yet to."""

    outcome: Outcome
    text: str
    confirmed: tuple[NodeId, ...] = ()
    missing: tuple[NodeId, ...] = ()
    rest_s: float | None = None
    """All are at rest by then at the worst, from now on; None where that is not known."""


def judge(stop: Stop, heard: Heard) -> Verdict:
    """Compare what was heard with what the stop was to bring about.

    A node has confirmed when it says so under its own signature, or when the scheduler does under
    its own. The stop's id is drawn anew for each, so no older word can hold it, whoever sends one
    again; and only a view that holds it shows who was there after the stop.
    """
    rows = {row.node: row for row in heard.nodes or ()}
    # The view is one frame long: of very many nodes, some may be heard only by themselves.
    known = [*rows, *(name for name in sorted(heard.words) if name not in rows)]
    meant = [name for name in known if stop.node in (None, name)]
    confirmed = [name for name in meant if _has_latched(stop.stop, rows.get(name), heard, name)]
    missing = [name for name in meant if name not in confirmed]
    outcome = _outcome(stop, heard, confirmed, missing)
    rest_s = None
    match outcome:
        case Outcome.NO_SUCH_NODE:
            text = (
                f"NOTHING has stopped: no node is called {stop.node}; there are: "
                f"{', '.join(known)}; without a name every node is stopped. {stop.stop} was "
                f"sent all the same, and its alarm stays until somebody releases it: "
                f"--release {stop.stop}"
            )
        case Outcome.UNHEARD:
            text = (
                f"{stop.stop}: sent, but NOBODY answers; take it that nothing has stopped. It "
                "stays all the same: whoever hears of it later, from the broker or from the "
                f"scheduler, stops then, until somebody releases it: --release "
                f"{stop.stop}. Are the scheduler and the agents running, and is this key enrolled "
                "(keys/public.json)?"
            )
        case _:
            said = [f"{name} ({_known(rows.get(name), heard)})" for name in missing]
            rest_s = _rest_s(confirmed, missing, heard)
            counted = _counted(stop, confirmed, said, heard)
            text = f"{stop.stop}: {counted}; {_rest(rest_s)}; {_release(stop)}"
    return Verdict(
        outcome=outcome,
        text=text,
        confirmed=tuple(confirmed),
        missing=tuple(missing),
        rest_s=rest_s,
    )


def judge_from_earth(stop: Stop, answer: Answer | None) -> Verdict:
    """Say what is known on Earth, which no node's word reaches: what the link's two ends said."""
    if answer is None:
        said = (
            "left at Earth's broker; neither the Earth station nor the site has answered yet. In "
            f"an outage it is DROPPED where the link does not open within {KEPT_S:.0f} s of site "
            "time: call it again then"
        )
    else:
        said = answer.text
    return Verdict(
        outcome=Outcome.UNHEARD if answer is None else Outcome.PARTLY,
        text=f"{stop.stop}: {said}; no node's word comes as far as Earth, so NOTHING is confirmed; "
        f"{_release(stop)}",
    )


def _has_latched(stop: str, row: NodeRow | None, heard: Heard, name: NodeId) -> bool:
    said = heard.words[name].stops if name in heard.words else ()
    return stop in said or (row is not None and stop in row.stops)


def _outcome(
    stop: Stop, heard: Heard, confirmed: Sequence[NodeId], missing: Sequence[NodeId]
) -> Outcome:
    if stop.node is not None and heard.nodes and not confirmed and not missing:
        return Outcome.NO_SUCH_NODE
    if confirmed and not missing and _are_all_known(stop, heard):
        return Outcome.STOPPED
    return Outcome.PARTLY if confirmed or heard.is_newer else Outcome.UNHEARD


def _are_all_known(stop: Stop, heard: Heard) -> bool:
    """Tell whether those who are known are all who were meant: an older view may lack somebody."""
    return stop.node is not None or any(stop.stop in row.stops for row in heard.nodes or ())


def _counted(stop: Stop, confirmed: Sequence[NodeId], missing: Sequence[str], heard: Heard) -> str:
    of = len(confirmed) + len(missing)
    names = f": {', '.join(confirmed)}" if confirmed else ""
    parts = [f"{len(confirmed)} of {of} node{'' if of == 1 else 's'} stopped{names}"]
    if missing:
        parts.append(f"NOT confirmed: {', '.join(missing)}")
    if heard.nodes is None:
        parts.append("nobody has published which nodes there are")
    elif confirmed and not missing and not _are_all_known(stop, heard):
        parts.append("the scheduler has not said since the stop whether there are others")
    return "; ".join(parts)


def _known(row: NodeRow | None, heard: Heard) -> str:
    """Say what is known of a node that has not confirmed."""
    if row is None:
        return "up"
    if row.may_move_s is None:
        return row.presence
    # What was known before the stop may have been extended since.
    span = f"for {row.may_move_s:.0f} s more" if heard.is_newer else "on, nobody knows how long"
    return f"{row.presence}, may move {span}"


def _rest_s(confirmed: Sequence[NodeId], missing: Sequence[NodeId], heard: Heard) -> float | None:
    """Give the time until all that were meant are at rest, at the worst; None where unknown."""
    rows = {row.node: row for row in heard.nodes or ()}
    times_s = [_stops_in_s(rows.get(name)) for name in confirmed]
    times_s += [_moves_for_s(rows.get(name), heard) for name in missing]
    known_s = [time_s for time_s in times_s if time_s is not None]
    return max(known_s) if known_s and len(known_s) == len(times_s) else None


def _stops_in_s(row: NodeRow | None) -> float | None:
    if row is None or (row.stops_in_s is None and row.authority is not None):
        return None
    return row.stops_in_s or 0.0


def _moves_for_s(row: NodeRow | None, heard: Heard) -> float | None:
    """Give how long a node that has not confirmed may move: no grant that nobody knows counts."""
    if row is None or row.presence == "unknown" or not heard.is_newer:
        return None
    return row.may_move_s or 0.0


def _rest(rest_s: float | None) -> str:
    if rest_s is None:
        return "by when ALL are at rest is not known"
    if rest_s == 0.0:
        return "none of them moves"
    return f"all at rest within {rest_s:.1f} s"


def _release(stop: Stop) -> str:
    return f"release it with --release {stop.stop}"
