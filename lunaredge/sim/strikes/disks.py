"""Disks that have no room, and rows that rot on them.

A disk without room refuses every write. Like the real shell, a process tries for a minute and
then ends; it can't begin again either, since a life takes a row of its own. Rows of agents rot: a
bit turns over, the checksum finds it at the next start, and the row comes back without its value.
A scheduler whose journal is damaged doesn't start at all; people restore it, and here they don't.
"""

import msgspec

from lunaredge.agent import hold
from lunaredge.agent.commands import RESULT_TABLE
from lunaredge.agent.stops import LOCK_TABLE
from lunaredge.ids import NodeId
from lunaredge.node import Row
from lunaredge.sim.checkers.evidence import ResultRotted, Rotted
from lunaredge.sim.process import Process
from lunaredge.sim.strikes.kind import Kind, Saboteur, Undo
from lunaredge.units import NS_PER_S
from lunaredge.wire import messages, spool

FULL, ROT = "fill disk", "rot rows"
# As long as the real shell tries: `runtime.runner.RETRY_S_MAX`.
RETRY_NS_MAX = 60 * NS_PER_S
# How often it is looked at here.
LOOK_NS = 5 * NS_PER_S
ROTTEN_MAX = 5
# A hold or a tag whose row is spoilt holds until a person takes it back; nobody plays that here.
PEOPLES = frozenset({hold.TABLE, LOCK_TABLE})


def kinds(saboteur: Saboteur) -> tuple[Kind, ...]:
    """Give the kinds of this room."""
    options = saboteur.options
    return (
        Kind(FULL, options.fill_disk_s, lambda: _fill(saboteur)),
        Kind(ROT, options.rot_rows_s, lambda: _rot(saboteur)),
    )


def _fill(saboteur: Saboteur) -> Undo | None:
    roomy = [each for each in saboteur.sim.processes.values() if not each.stalled and each.alive]
    if not roomy:
        return None
    victim = saboteur.draw(FULL).choice(roomy)
    saboteur.disturb(victim.name, "has a disk without room")
    victim.stalled = victim.full = True
    _watch(saboteur, victim)

    def undo() -> None:
        victim.full = False
        victim.unstall()
        if victim.unstarted:
            victim.unstarted = False
            saboteur.restart(victim.name)

    return undo


def _watch(saboteur: Saboteur, victim: Process) -> None:
    """End a process whose writes find no room for too long."""
    if not victim.full:
        return
    timeline = saboteur.sim.timeline
    since_ns = victim.commit_since_ns
    waited = since_ns is not None and timeline.now_ns - since_ns >= RETRY_NS_MAX
    if victim.alive and not victim.frozen and waited:
        saboteur.disturb(victim.name, "ends, since its disk has no room")
        victim.unstarted = True
        saboteur.kill(victim.name)
    timeline.after(LOOK_NS, lambda: _watch(saboteur, victim))


def _rot(saboteur: Saboteur) -> Undo | None:
    """Damage some of an agent's rows, and perhaps have it find out at once."""
    sim, rng = saboteur.sim, saboteur.draw(ROT)
    agents = [sim.processes[name] for name in sim.agents if sim.processes[name].disk.rows()]
    if not agents:
        return None
    victim = rng.choice(agents)
    saboteur.disturb(victim.name, "has rows that rot")
    rows = [row for row in victim.disk.rows() if row.table not in PEOPLES]
    for row in rng.sample(rows, min(len(rows), rng.randint(1, ROTTEN_MAX))):
        victim.disk.spoil(row)
        lost = _lost(victim.name, row, sim.timeline.now_ns)
        if lost is not None:
            sim.jury.see(lost)
    if not victim.alive or rng.random() < 0.3:
        return None
    saboteur.kill(victim.name)
    return lambda: saboteur.restart(victim.name)


def _lost(node: NodeId, row: Row, now_ns: int) -> Rotted | ResultRotted | None:
    """Give what nobody can know any more without a row's value, if any checker asks for it."""
    if not row.is_whole:
        return None
    if row.table == RESULT_TABLE:
        reply = msgspec.msgpack.decode(row.value, type=messages.CommandReply)
        return ResultRotted(at_ns=now_ns, node=node, command=reply.command)
    if row.table != spool.TABLE:
        return None
    item = spool.decode_item(row.value)
    return Rotted(
        at_ns=now_ns,
        node=node,
        boot=item.boot,
        record_class=item.record_class,
        first_seq=item.first_seq,
        seq=item.seq,
    )
