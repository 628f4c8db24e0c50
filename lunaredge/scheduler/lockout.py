"""Lock-out and tag-out: machines that people keep to themselves, to service them or drive by hand.

Each person hangs a tag of his own on the machine. While one hangs there the machine is out of the
plan, gets no authority, and its agent keeps it at rest, across power cycles too. The ground where
it stands stays its own, and so does the area in which it may be driven by hand. Whoever hung a tag
takes it off alone; anybody else needs a second, and each says so for himself. With its last tag
gone a machine is planned again once it has said where it stands: it may have been moved.

Owns the tags. What an agent has latched is met with them word by word, and where the two differ the
machine stays locked: this journal may be older than a tag. Whether a machine is locked for good and
its area empty is proven in `scheduler.draining`.
"""

from lunaredge.ids import KeyId
from lunaredge.model.site import Polygon
from lunaredge.scheduler import areas, backlog, closures, consent
from lunaredge.scheduler.consent import Deed, Outcome, done, refused
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.paths import Chain
from lunaredge.scheduler.state import Lockout, LockPhase, NodeEntry, Tag
from lunaredge.units import NS_PER_S
from lunaredge.wire.messages import Situation
from lunaredge.wire.safeguards import WHY_LENGTH_MAX, LockOut, LockOutRequest, Unlock
from lunaredge.wire.seal import Role

# A dozen people around one machine is a crowd.
TAGS_MAX = 16
# Over what two names and two numbers take: who shows a longer one made it up.
TAG_LENGTH_MAX = 120
# So many others must agree where the one who hung the tag can't be asked, all within an hour: what
# was safe last week says nothing of now.
OTHERS_MIN = 2
_AGREED_NS = 3600 * NS_PER_S

ALARM = "lockout"
ASTRAY_ALARM = "lockout.astray"
WITHDRAWN_ALARM = "lockout.not_safe"
MANUAL = "manual"

# What a list says before people may go to a machine, and what it says when they may.
NOT_SAFE_YET = "NOT SAFE YET"
LOCKED_OUT = "locked out by"
READY_TO_DRIVE = "ready to be driven by hand by"

UNTOLD = "set before this journal began"


def lock(ctx: Context, node: NodeEntry, by: KeyId, asked: LockOutRequest) -> Outcome:
    """Hang a person's tag on a machine; tell whether it was taken, and what comes next.

    To drive by hand what one's own key has locked out takes two steps: that ends the earlier tag.
    """
    is_manual = bool(asked.outline) or asked.radius_m != 0.0
    area, refusal = _area(ctx, node, asked) if is_manual else ((), "")
    refusal = refusal or _refusal(ctx, node, by, is_manual=is_manual)
    if refusal:
        return refused(refusal)
    earlier = _tag_of(node, by)
    if earlier is not None:
        what = f"this takes the place of the {_said(earlier)}"
        purpose, proviso = _instead_of(earlier, asked), f"if nobody is at {node.name} now"
        deed = Deed(f"manual {node.name} {by}", purpose, what, proviso)
        if (outcome := consent.step(ctx, deed, asked.code)) is not None:
            return outcome
    tag = Tag(
        id=_tag_id(ctx, by, is_manual=is_manual),
        by=by,
        why=asked.why[:WHY_LENGTH_MAX],
        since_ns=ctx.now_ns,
        is_manual=is_manual,
        area=area,
        replaces=earlier.id if earlier is not None else "",
    )
    lockout = node.lockout = node.lockout or Lockout()
    lockout.tags[tag.id] = tag
    ctx.order(node.name, LockOut(command=ctx.command_id(), tag=tag.id))
    ctx.state.interventions += 1
    ctx.raise_alarm(node.name, ALARM, _said(tag))
    ctx.note_event("node.locked_out", f"{node.name} by {by}: {tag.why}")
    _call_off(ctx, node, f"{node.name} is locked out by {tag.by}")
    ctx.changed()
    until = "driven by hand" if is_manual else "touched"
    return done(
        f"{node.name} may be {until} as soon as `lunaredge nodes` says: {_ready(tag)} {by}; "
        f"until then it says {NOT_SAFE_YET}",
    )


def _instead_of(tag: Tag, asked: LockOutRequest) -> str:
    return f"instead of {tag.id} in {asked.outline or asked.radius_m}"


def release(
    ctx: Context, node: NodeEntry, who: tuple[KeyId, Role], whose: str, code: str
) -> Outcome:
    """Go one of the two steps toward taking a tag off; tell whether it was taken, and what is next.

    ``who`` is the key that asks, and its role.
    """
    by, role = who
    tag, refusal = _meant(node, by, whose)
    if tag is None:
        return refused(refusal)
    if tag.by != by and (role is not Role.OPERATOR or by in agreed(ctx, tag)):
        who_can = f"{OTHERS_MIN} operators of the site other than {tag.by}"
        return refused(f"{tag.by} takes this tag off {node.name}, or {who_can}, each once")
    earlier = ", and the one that it replaces" if _replaced(node, tag) else ""
    what = f"{_of_another(ctx, tag, by)}{_said(tag)}{earlier}"
    deed = Deed(f"lockout {node.name} {by}", tag.id, what, f"if nobody is at {node.name} now")
    if (outcome := consent.step(ctx, deed, code)) is not None:
        return outcome
    ctx.state.interventions += 1
    if tag.by != by:
        tag.agreed_ns[by] = ctx.now_ns
        ctx.note_event("lockout.agreed", f"{by}: {tag.by}'s tag may come off {node.name}")
        if len(agreed(ctx, tag)) < OTHERS_MIN:
            noted = f"noted: {tag.by}'s tag comes off when one more operator says so"
            return done(f"{noted} within the hour")
    _take_off(ctx, node, tag)
    ctx.note_event("node.unlocked", f"{tag.by}'s tag off {node.name}, said {by}")
    ctx.changed()
    return done(f"{tag.by}'s tag is off {node.name}; {_what_remains(node)}")


def meet(ctx: Context, node: NodeEntry, situation: Situation) -> None:
    """Compare the tags that an agent has latched with those that should hang there."""
    for name in situation.locks:
        if node.lockout is None or name not in node.lockout.tags:
            _adopt(ctx, node, name)
    lockout = node.lockout
    if lockout is None:
        return
    for tag in list(lockout.tags.values()):
        hangs = tag.id in situation.locks
        told_on = any(each.tag == tag.id for each in ctx.pending(node.name, LockOut))
        told_off = any(each.tag == tag.id for each in ctx.pending(node.name, Unlock))
        if hangs and not tag.released:
            _take_off_replaced(ctx, node, tag)
        if tag.released and not told_off:
            # The agent answered that it is off: it hangs again, or it is gone for good.
            if hangs:
                tag.released, tag.agreed_ns = False, {}
            elif _speaks_for_itself(ctx, situation):
                del lockout.tags[tag.id]
        elif not tag.released and not hangs and not told_on:
            ctx.order(node.name, LockOut(command=ctx.command_id(), tag=tag.id))
    _follow(ctx, node, situation)
    if not lockout.tags:
        _return(ctx, node)


def agreed(ctx: Context, tag: Tag) -> list[KeyId]:
    """Give the others who said lately that a tag may come off."""
    return [by for by, at_ns in tag.agreed_ns.items() if ctx.now_ns - at_ns < _AGREED_NS]


def chains(node: NodeEntry) -> list[Chain]:
    """Give the areas in which a machine may be driven by hand; part of its claim."""
    return [
        Chain(points=tag.area, half_width_m=0.0, owner=node.name, closed=True)
        for tag in _tags(node)
        if tag.area and not _is_over(node, tag)
    ]


def drivers(node: NodeEntry) -> list[KeyId]:
    """Give who may drive a machine by hand, whatever others say of it."""
    return [tag.by for tag in _tags(node) if tag.is_manual and not _is_over(node, tag)]


def at_odds(node: NodeEntry) -> list[KeyId]:
    """Give who may drive a machine by hand while another's tag says that he may touch it."""
    tags = _tags(node)
    hanging = [tag.by for tag in tags if not tag.released]
    return [tag.by for tag in tags if tag.is_manual and any(by != tag.by for by in hanging)]


def is_placed(node: NodeEntry) -> bool:
    """Tell whether a machine is known to be where its claim has its body."""
    return not node.is_blind and node.astray_at is None


def is_boundless(node: NodeEntry) -> bool:
    """Tell whether a machine may be driven by hand in an area that this journal doesn't know."""
    tags = _tags(node)
    known = {tag.id for tag in tags}
    latched = node.situation.locks if node.situation is not None else ()
    unknown = any(name not in known and _is_for_hand(name) for name in latched)
    arealess = [tag for tag in tags if tag.is_manual and not tag.area]
    return unknown or not all(_is_over(node, tag) for tag in arealess)


def told(node: NodeEntry) -> str:
    """Say who has locked a machine out and why; empty when nobody has."""
    lockout = node.lockout
    if lockout is None:
        return ""
    hanging = [tag for tag in lockout.tags.values() if not tag.released]
    match lockout.phase:
        case LockPhase.LOCKED:
            return "; ".join(f"{_ready(tag)} {tag.by}: {tag.why}" for tag in hanging)
        case LockPhase.DRAINING:
            wanted = "; ".join(_said(tag) for tag in hanging)
            return f"{NOT_SAFE_YET} ({', '.join(lockout.waits)}): {wanted}"
        case LockPhase.RETURNING:
            return "its tags are off; it has to say where it stands"


def _refusal(ctx: Context, node: NodeEntry, by: KeyId, *, is_manual: bool) -> str:
    if not ctx.is_machine(node.name):
        return f"{node.name} is no machine; hold it instead"
    earlier = _tag_of(node, by)
    if earlier is not None and (earlier.is_manual or not is_manual):
        return f"your tag hangs on {node.name} already: {told(node)}"
    others = [tag.by for tag in _tags(node) if tag.by != by]
    if is_manual and others:
        return (
            f"{', '.join(others)} may be at {node.name}; drive it by hand when no other's tag "
            "hangs there"
        )
    return _crowd(node) if len(_tags(node)) >= TAGS_MAX else ""


def _crowd(node: NodeEntry) -> str:
    """Say why no tag more can be kept, and what to do: one is gone when the machine has said so."""
    count = sum(tag.released for tag in _tags(node))
    if not count:
        return f"{TAGS_MAX} tags hang on {node.name}; take one off first"
    who = f"{node.name}, which is {node.shown_presence}"
    return f"{count} tags are still to be confirmed off by {who}; ask again when it has said so"


def _area(ctx: Context, node: NodeEntry, asked: LockOutRequest) -> tuple[Polygon, str]:
    """Give the area that is asked for, and what is wrong with it."""
    spec = ctx.specs[node.name].machine
    if spec is None:
        return (), ""
    situation = node.situation
    stands = situation is not None and situation.at_rest and node.granted is None
    if node.body is None or not stands or not is_placed(node):
        return (), f"{node.name} is not known to stand; lock it out first, then ask again"
    area = asked.outline or areas.disc(node.body, max(0.0, asked.radius_m))
    refusal = areas.flaw(area)
    if not refusal and not ctx.ground.holds(area):
        refusal = "the area is not inside the site's boundary; make it smaller"
    if not refusal:
        refusal = closures.hindrance(ctx, area, node.body, spec.radius_m)
    if not refusal and not areas.holds(area, node.body, spec.radius_m):
        x_m, y_m = node.body
        refusal = f"{node.name} stands at {x_m:.1f}, {y_m:.1f}, not wholly inside the area"
    return area, refusal


def _tag_id(ctx: Context, by: KeyId, *, is_manual: bool) -> str:
    """Give a fresh id; it says whose tag it is, also to a leader that never heard of it."""
    ctx.state.command_no += 1
    kind = MANUAL if is_manual else ALARM
    return f"{by}/{kind}-{ctx.state.epoch:x}-{ctx.state.command_no}"


def _is_for_hand(name: str) -> bool:
    """Tell from a tag's id whether its machine may be driven by hand meanwhile."""
    return name.partition("/")[2].startswith(MANUAL)


def _tag_of(node: NodeEntry, by: str) -> Tag | None:
    """Give the newest tag of a person that counts, or None."""
    return next((tag for tag in reversed(_tags(node)) if tag.by == by and not tag.released), None)


def _meant(node: NodeEntry, by: KeyId, whose: str) -> tuple[Tag | None, str]:
    """Give the tag that a person means, or say why there is none."""
    tags = node.lockout.tags.values() if node.lockout is not None else ()
    hanging = [tag for tag in tags if not tag.released]
    if not hanging:
        return None, f"nobody's tag hangs on {node.name}"
    tag = _tag_of(node, whose or by)
    if tag is None and not whose and len(hanging) == 1:
        tag = hanging[0]
    names = ", ".join(tag.by for tag in hanging)
    return tag, f"say whose tag; on {node.name} hang those of {names}"


def _take_off(ctx: Context, node: NodeEntry, tag: Tag) -> None:
    """Have the agent take a tag off; until it says that it has, the tag counts."""
    assert not tag.released
    tag.released = True
    _forget_command(ctx, node, LockOut, tag)
    ctx.order(node.name, Unlock(command=ctx.command_id(), tag=tag.id))
    _take_off_replaced(ctx, node, tag)


def _take_off_replaced(ctx: Context, node: NodeEntry, tag: Tag) -> None:
    """Take off the tag that one replaces, if it still counts."""
    earlier, tag.replaces = _replaced(node, tag), ""
    if earlier is not None:
        _take_off(ctx, node, earlier)


def _replaced(node: NodeEntry, tag: Tag) -> Tag | None:
    """Give the tag that one is to replace, while it still counts."""
    found = (each for each in _tags(node) if each.id == tag.replaces and not each.released)
    return next(found, None)


def _of_another(ctx: Context, tag: Tag, by: KeyId) -> str:
    """Say whose tag it is that somebody else wants off, and how many must say so."""
    if tag.by == by:
        return ""
    so_far = len(agreed(ctx, tag))
    return (
        f"this is NOT your tag but {tag.by}'s, and without {tag.by} it comes off only when "
        f"{OTHERS_MIN} others say so, each for himself ({so_far} did within the hour); "
    )


def _what_remains(node: NodeEntry) -> str:
    assert node.lockout is not None
    names = [tag.by for tag in node.lockout.tags.values() if not tag.released]
    if names:
        return f"locked out still by {', '.join(names)}"
    return "it is planned again once it has said where it stands"


def _call_off(ctx: Context, node: NodeEntry, reason: str) -> None:
    """Take the machine's task back, and let nothing be granted on what it has asked."""
    node.wanted = None
    entry = ctx.state.tasks.get(node.task) if node.task is not None else None
    if entry is not None and not entry.cancelling and not entry.recalled:
        entry.people_count += 1
        backlog.recall(ctx, entry, reason)


def _adopt(ctx: Context, node: NodeEntry, name: str) -> None:
    """Take note of a tag that an agent has latched and this journal does not know.

    One too many is passed over until another is off: the machine is locked by all the others.
    """
    known = node.lockout.tags if node.lockout is not None else {}
    if len(known) >= TAGS_MAX or len(name) > TAG_LENGTH_MAX:
        return
    lockout = node.lockout = node.lockout or Lockout()
    tag = Tag(
        id=name,
        by=KeyId(name.partition("/")[0]),
        why=UNTOLD,
        since_ns=ctx.now_ns,
        is_manual=_is_for_hand(name),
    )
    lockout.tags[name] = tag
    ctx.raise_alarm(node.name, ALARM, _said(tag))
    _call_off(ctx, node, f"{node.name} is locked out by {tag.by}")
    ctx.changed()


def _speaks_for_itself(ctx: Context, situation: Situation) -> bool:
    """Tell whether a word says where the machine stands, at rest, to this leader."""
    is_placed = situation.x_m is not None and situation.y_m is not None
    is_free = situation.at_rest and situation.authority is None
    return is_placed and is_free and situation.epoch == ctx.state.epoch


def _follow(ctx: Context, node: NodeEntry, situation: Situation) -> None:
    """Keep account of a machine that is driven by hand, and raise an alarm when it leaves."""
    found = [tag.area for tag in _tags(node) if tag.area]
    if not found or node.granted is not None or situation.x_m is None or situation.y_m is None:
        return
    # At rest or not: it goes where a person takes it, not where an authority leads.
    place = node.body = (situation.x_m, situation.y_m)
    spec = ctx.specs[node.name].machine
    assert spec is not None
    if any(areas.holds(area, place, spec.radius_m) for area in found):
        ctx.clear_alarm(node.name, ASTRAY_ALARM)
    else:
        text = f"at {place[0]:.1f}, {place[1]:.1f}, out of the area for driving by hand"
        ctx.raise_alarm(node.name, ASTRAY_ALARM, text)


def _return(ctx: Context, node: NodeEntry) -> None:
    """Let a machine into the plan again."""
    node.lockout = None
    node.idle_since_ns = ctx.now_ns
    ctx.clear_alarm(node.name, ALARM)
    ctx.clear_alarm(node.name, ASTRAY_ALARM)
    ctx.clear_alarm(node.name, WITHDRAWN_ALARM)
    ctx.note_event("node.returned", node.name)
    ctx.changed()


def _is_over(node: NodeEntry, tag: Tag) -> bool:
    """Tell whether a tag counts no more, though its machine has not said that it is off.

    A person who vouches for a silent machine speaks for that, and not for whoever hung the tag.
    """
    return tag.released and node.vouched


def _tags(node: NodeEntry) -> list[Tag]:
    return list(node.lockout.tags.values()) if node.lockout is not None else []


def _said(tag: Tag) -> str:
    """Say whose a tag is and what for: not in the words for a machine that is safe already."""
    kind = "drive by hand" if tag.is_manual else "lock out"
    return f"tag of {tag.by}, to {kind}: {tag.why}"


def _ready(tag: Tag) -> str:
    """Give the words by which a list says that a machine is safe for the one whose tag it is."""
    return READY_TO_DRIVE if tag.is_manual else LOCKED_OUT


def _forget_command(ctx: Context, node: NodeEntry, kind: type[LockOut], tag: Tag) -> None:
    commands = ctx.state.commands
    for name, each in list(commands.items()):
        body = each.body
        if each.node == node.name and isinstance(body, kind) and body.tag == tag.id:
            del commands[name]
