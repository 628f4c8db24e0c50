"""Who is there: births, the census, heartbeats, silence.

A leader trusts nobody's place until it has asked: each start raises the fencing epoch and asks
every node to acknowledge it durably and to report (the census). A heartbeat is taken only from a
node's present boot and only when it is newer than everything taken from it so far.

Silence is told apart by what a node said last:

    unknown      never heard since these books began; or, for `lost_after_ns` after a start, not
                 heard by this leader yet.
    lost         it was heard, said nothing of leaving, and has been silent for `lost_after_ns`. So
                 is one that slept and is not heard `lost_after_ns` after it was to wake.
    down         its last word was that it leaves, in good order.
    hibernating  its last word was that it leaves and sleeps until a time that is not over.

The broker's word that a connection broke (a will) makes no node down. It comes late, after the
broker's own patience; or never, when the broker died as well; or for every node at once, when the
broker was started anew and all are well. It was signed at the node's boot, so that whatever the
node has said since is newer. A broken connection is silence, and silence is lost, not down.

None of these words frees ground: what a node may stand on stays its own, whatever it is called.
"""

from lunaredge.ids import BootId
from lunaredge.scheduler import (
    channels,
    claims,
    conflicts,
    hibernation,
    lockout,
    space,
    stops,
    vouch,
)
from lunaredge.scheduler.backlog import ask_earth, reconcile, requeue
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.inputs import Heard
from lunaredge.scheduler.state import NodeEntry, Presence
from lunaredge.units import NS_PER_S
from lunaredge.wire.channel_orders import SetChannels
from lunaredge.wire.messages import (
    Assign,
    AuthorityRenewal,
    AuthorityRequest,
    Birth,
    Census,
    CommandReply,
    Farewell,
    Grant,
    Heartbeat,
    Hibernate,
    Hold,
    Resume,
    Shorten,
    Situation,
)

# Above every boot id (48 bits) and what is counted on from one. A node that shows a higher epoch
# has lost its mind: to follow it would leave no number for the next leader.
EPOCH_MAX = 2**56
# Stores count boots up to here. A node that shows a higher one could never be outlived.
BOOT_MAX = 10**14
# This journal is older than what a node obeys.
BEHIND_ALARM = "epoch.behind"
# Another version of the program, or another site or fleet file, than when it was written.
DIFFERED_ALARM = "journal.differed"
# So long people can read these, if nobody obeys another leader any more: what they warn of, a
# closed zone that this journal has lost, begins when all are counted.
BEHIND_SHOWN_NS = 3_600 * NS_PER_S
# Two leaders on copies of one disk outbid each other: after these times, doubled from bid to bid.
BID_GAP_NS = 10 * NS_PER_S
BID_GAP_NS_MAX = 600 * NS_PER_S
# A boot id is a count of lives above this many numbers to draw from.
BOOT_RANDOM = 2**24


def begin(ctx: Context, boot: BootId, differing: int) -> None:
    """Begin a life of the scheduler, and lead.

    The epoch is at least the boot id, and ends in its random bits. ``differing`` entries of the
    journal are decided otherwise than they were when people were answered.
    """
    ctx.state.boot = boot
    ctx.state.bid_count = 0
    ctx.state.placing = False
    ctx.state.placed_version = -1
    ctx.state.listening_since_ns = None
    take_lead(ctx, _epoch_above(ctx, max(ctx.state.epoch, boot - 1)))
    if differing:
        text = f"{differing} entries mean something else now; what was closed may NOT be closed"
        ctx.reword_alarm("scheduler", DIFFERED_ALARM, text)
    for order in ctx.state.orders:
        # A word that an earlier leader had may be younger than this journal.
        ask_earth(ctx, order)


def _epoch_above(ctx: Context, floor: int) -> int:
    """Give the lowest epoch above that one which ends in the random bits of this life's boot id.

    Two leaders on copies of one disk so lead under different epochs, whatever they have heard: else
    each would be obeyed where only the other has counted, and would give out the same command ids.
    """
    epoch = floor // BOOT_RANDOM * BOOT_RANDOM + ctx.state.boot % BOOT_RANDOM
    return epoch if epoch > floor else epoch + BOOT_RANDOM


def take_lead(ctx: Context, epoch: int) -> None:
    """Lead under a new epoch, and take a census of everybody."""
    assert epoch > ctx.state.epoch
    ctx.state.epoch = epoch
    ctx.state.lead_ns = ctx.now_ns
    ctx.tell("lead.taken", epoch=epoch)
    for node in ctx.state.nodes.values():
        node.presence = Presence.UNKNOWN
        # Whoever vouched for it knew of an earlier leader: this journal may be an old copy.
        node.vouched = False
        call_census(ctx, node)
        claims.solve_again(ctx, node)


def take_listening(ctx: Context, *, listening: bool) -> None:
    """Note since when nodes can be heard: while nobody could be, nobody was silent."""
    ctx.state.listening_since_ns = ctx.now_ns if listening else None


def call_census(ctx: Context, node: NodeEntry) -> None:
    """Ask a node to acknowledge this epoch in its present boot."""
    node.censused = False
    ctx.forget_commands(node.name, Census)
    if node.boot:
        ctx.order(node.name, Census(command=ctx.command_id(), boot=node.boot))


def take_word(ctx: Context, heard: Heard) -> None:
    """Take a node's signed word."""
    node = ctx.state.nodes[heard.node]
    body = heard.body
    if not is_news(ctx, heard):
        return
    if heard.boot != node.boot:
        _begin_life(ctx, node, heard.boot)
    node.number = heard.number
    if vouch.withdraw(ctx, node):
        call_census(ctx, node)
    if isinstance(body, Farewell):
        _take_farewell(ctx, node, body)
        return
    _mark_up(ctx, node)
    match body:
        case Birth():
            _take_situation(ctx, node, body.situation)
        case Heartbeat():
            placed = _take_situation(ctx, node, body.situation)
            if placed and body.situation.epoch == ctx.state.epoch:
                _count(ctx, node)
        case CommandReply():
            _take_reply(ctx, node, body)
        case AuthorityRequest():
            claims.take_request(ctx, node, body)
        case AuthorityRenewal():
            claims.take_renewal(ctx, node, body)


def is_news(ctx: Context, heard: Heard) -> bool:
    """Tell whether a word is newer than everything taken from its node.

    A later boot is a new life, if it is announced by a birth or a heartbeat (whose sender was
    taken in by an earlier leader). An earlier one is old news, though it may never have been seen:
    brokers deliver a dead life's birth late.
    """
    node = ctx.state.nodes[heard.node]
    if heard.boot == node.boot:
        return heard.number > node.number
    if heard.boot >= BOOT_MAX:
        return False
    return isinstance(heard.body, Birth | Heartbeat) and heard.boot > node.boot


def check_silence(ctx: Context) -> None:
    """Call nodes lost that have been silent for too long. Their space stays blocked."""
    for node in ctx.state.nodes.values():
        if silence_due_ns(ctx, node) <= ctx.now_ns:
            node.presence = _silent_as(ctx, node)
            ctx.changed()
            if node.presence is Presence.LOST:
                ctx.raise_alarm(node.name, "node.lost", _missed(node))


def _silent_as(ctx: Context, node: NodeEntry) -> Presence:
    """Give what a node is that has been silent for too long, by its last word."""
    if not node.has_left:
        return Presence.LOST
    if not node.asleep_until_ns:
        return Presence.DOWN
    is_overdue = ctx.now_ns >= _overdue_ns(ctx, node)
    return Presence.LOST if is_overdue else Presence.HIBERNATING


def _overdue_ns(ctx: Context, node: NodeEntry) -> int:
    """Give the time at which a sleeper is lost; while nobody could be heard, none could be late."""
    since_ns = ctx.state.listening_since_ns
    assert since_ns is not None
    return max(node.asleep_until_ns, since_ns) + ctx.config.lost_after_ns


def _missed(node: NodeEntry) -> str:
    if not node.boot:
        return "never heard since these books began"
    return "was to wake, and is not heard" if node.asleep_until_ns else "not heard"


def silence_due_ns(ctx: Context, node: NodeEntry) -> int:
    """Give the time at which a node must be called lost; far away when it already is."""
    since_ns = ctx.state.listening_since_ns
    if since_ns is None or node.presence in (Presence.LOST, Presence.DOWN):
        return 2**62
    if node.presence is Presence.HIBERNATING:
        return _overdue_ns(ctx, node)
    return max(node.heard_ns, since_ns) + ctx.config.lost_after_ns


def review(ctx: Context) -> None:
    """End the alarms of what a journal has lost, some time after all are counted again."""
    if ctx.now_ns - ctx.state.lead_ns < BEHIND_SHOWN_NS:
        return
    for alarm in (BEHIND_ALARM, DIFFERED_ALARM):
        if ctx.is_alarmed("scheduler", alarm) and not claims.census_missing(ctx):
            ctx.clear_alarm("scheduler", alarm)


def _mark_up(ctx: Context, node: NodeEntry) -> None:
    node.heard_ns = ctx.now_ns
    node.has_left, node.asleep_until_ns = False, 0
    if node.presence is not Presence.UP:
        node.presence = Presence.UP
        ctx.changed()
        ctx.clear_alarm(node.name, "node.lost")


def _begin_life(ctx: Context, node: NodeEntry, boot: BootId) -> None:
    assert boot > node.boot
    node.boot = boot
    node.number = 0
    node.request_no = 0
    node.wanted = None
    # What the earlier life left unanswered it will never take up, save by its claim, which stays.
    ctx.forget_commands(node.name, Grant, Hibernate)
    if node.granted is not None:
        node.granted.taken = True
    call_census(ctx, node)
    channels.repeat(ctx, node)
    ctx.changed()
    ctx.tell("node.born", node=node.name, boot=boot)


def _take_farewell(ctx: Context, node: NodeEntry, farewell: Farewell) -> None:
    if not farewell.orderly:
        # A will: see above.
        return
    ctx.forget_commands(node.name, Hibernate)
    node.has_left = True
    until_ns = min(farewell.until_ns or 0, ctx.now_ns + hibernation.ASLEEP_NS_MAX)
    node.asleep_until_ns = until_ns if until_ns > ctx.now_ns else 0
    left = Presence.HIBERNATING if node.asleep_until_ns else Presence.DOWN
    if node.presence is not left:
        node.presence = left
        ctx.changed()
        ctx.clear_alarm(node.name, "node.lost")
        ctx.tell("node.left", node=node.name, asleep_until_ns=node.asleep_until_ns or None)


def _take_situation(ctx: Context, node: NodeEntry, situation: Situation) -> bool:
    """Take a node's word of itself; tell whether everything of it has its place by it."""
    before = node.situation
    node.situation = situation
    if situation.epoch > ctx.state.epoch:
        space.see(ctx, node, situation)
        conflicts.watch(ctx, node)
        _be_behind(ctx, node, situation.epoch)
        return False
    placed = not ctx.is_machine(node.name) or claims.settle(ctx, node, situation)
    space.see(ctx, node, situation)
    if before is None or _placement_view(before) != _placement_view(situation):
        ctx.changed()
    stops.meet(ctx, node, situation.stops)
    lockout.meet(ctx, node, situation)
    conflicts.watch(ctx, node)
    _keep_hold(ctx, node, held=situation.held)
    reconcile(ctx, node, situation)
    return placed


def _be_behind(ctx: Context, node: NodeEntry, epoch: int) -> None:
    """Lead above an epoch that a node has obeyed under a leader that this journal does not know.

    At once the first time: this is an old image. Then that leader lives, and outbids us as well.
    Each bid costs every node a write, so the bids become rare.
    """
    if _epoch_above(ctx, epoch) >= EPOCH_MAX:
        ctx.raise_alarm(node.name, "epoch.absurd", f"obeys {epoch}")
        return
    state = ctx.state
    # Until then it counts for nothing here: it obeys somebody else, who may grant it ground.
    node.censused = False
    ctx.changed()
    text = f"{node.name} obeys {epoch}, another leader's; a zone closed since is NOT closed here"
    ctx.reword_alarm("scheduler", BEHIND_ALARM, text)
    led_ns = ctx.now_ns - state.lead_ns
    if led_ns > 2 * BID_GAP_NS_MAX:
        state.bid_count = 0
    gap_ns = BID_GAP_NS << (state.bid_count - 1) if state.bid_count else 0
    if led_ns >= min(gap_ns, BID_GAP_NS_MAX):
        state.bid_count += 1
        take_lead(ctx, _epoch_above(ctx, epoch))


def _count(ctx: Context, node: NodeEntry) -> None:
    """Count a node in.

    Its answer to the census is not enough: between that and its next word, what this journal knows
    of its place may be as old as the journal. Under this epoch it obeys nobody else any more, so
    what it says of itself now stays true until it is told otherwise.
    """
    if not node.censused:
        node.censused = True
        ctx.changed()
        ctx.tell("node.censused", node=node.name, epoch=ctx.state.epoch)
        conflicts.review(ctx, node)


def _keep_hold(ctx: Context, node: NodeEntry, *, held: bool) -> None:
    """Mend a difference between who is held and who should be, always toward holding.

    A late copy of an old resume may have undone a hold; a hold may be older than this journal.
    """
    if ctx.is_pending(node.name, Hold, Resume):
        return
    if held and not node.terrain_hold:
        node.held = True
    elif not held and (node.held or node.terrain_hold):
        ctx.order_hold(node.name, held=True)


def _placement_view(situation: Situation) -> tuple[object, ...]:
    return (situation.state, situation.stops, situation.locks, situation.held, situation.task)


def _take_reply(ctx: Context, node: NodeEntry, reply: CommandReply) -> None:
    pending = ctx.state.commands.get(reply.command)
    if pending is None or pending.node != node.name:
        return
    del ctx.state.commands[reply.command]
    if not reply.ok:
        ctx.tell("command.refused", node=node.name, command=reply.command, reason=reply.reason)
    match pending.body:
        case Grant() as grant:
            _take_grant_reply(ctx, node, grant, ok=reply.ok)
        case SetChannels() as word:
            channels.answered(ctx, node, word, reply)
        case body:
            if not reply.ok:
                _take_refusal(ctx, node, body, reply.reason)


def _take_grant_reply(ctx: Context, node: NodeEntry, grant: Grant, *, ok: bool) -> None:
    granted = node.granted
    if granted is None or granted.id != grant.authority:
        return
    if ok:
        claims.take_up(ctx, node, granted)
    else:
        # Whoever has taken it up is not told of it any more.
        assert not granted.taken
        # The node has durably refused it and will answer every repetition the same way.
        ctx.forget_commands(node.name, Shorten)
        node.end_authority()
    ctx.changed()


def _take_refusal(ctx: Context, node: NodeEntry, body: object, reason: str) -> None:
    if isinstance(body, Assign):
        entry = ctx.state.tasks.get(body.task)
        if entry is not None and entry.attempt == body.attempt:
            requeue(ctx, entry, f"{node.name} refused: {reason}")
