"""What each command comes to. Who may command is settled before (`commands`).

Owns no state. Every duty is safe to be done twice: a crash between the deed and the note of its
result lets the same command come again.
"""

from typing import assert_never

import msgspec

from lunaredge.agent import authority, tasks
from lunaredge.agent.neighbours import Word
from lunaredge.agent.parts import Parts
from lunaredge.agent.states import Event, State
from lunaredge.agent.stops import ID_LENGTH_MAX
from lunaredge.agent.tasks import TASK_TABLE, TaskRef
from lunaredge.ids import NodeId
from lunaredge.wire.channel_orders import SetChannels
from lunaredge.wire.codec import Header
from lunaredge.wire.messages import (
    Assign,
    Cancel,
    Census,
    Command,
    CommandReply,
    Defer,
    Dispute,
    Grant,
    Hibernate,
    Hold,
    ReleaseStop,
    Renew,
    Resume,
    Shorten,
    Stop,
)
from lunaredge.wire.records import TaskOutcome
from lunaredge.wire.safeguards import LockOut, Unlock

# What a renewal says of others is made anew each time: it can speak of every authority.
_ANY = 2**63 - 1
_encoder = msgspec.msgpack.Encoder()


class Duties:
    """Carries out commands."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def obey(self, command: Command, header: Header, now_ns: int) -> str | None:
        """Carry out a command that may be obeyed; give the reason where it is refused.

        A repeated one is answered with its first result. Renewals and deferrals are answers of the
        moment: they are neither remembered nor replied to.
        """
        if isinstance(command, Renew):
            return self._renew(command, header, now_ns)
        if isinstance(command, Defer):
            return self._parts.pilot.leasing.deferred(command, now_ns)
        commands = self._parts.commands
        reply = commands.first_reply(command.command)
        reason = None
        if reply is None:
            reason = self._carry_out(command, header, now_ns)
            reply = CommandReply(command=command.command, ok=reason is None, reason=reason or "")
            commands.remember(reply)
        self._parts.outlet.publish("reply", reply, now_ns)
        return reason

    def stop(self, stop: Stop, frame: bytes, now_ns: int) -> str | None:
        """Take an emergency stop, once: halt first, then latch it as it came, then report.

        Give the id it holds under, or None for one that was taken before.
        """
        if self._parts.stops.knows(stop.stop):
            return None
        if self._parts.config.is_machine:
            self._parts.pilot.helm.halt_first(now_ns)
        name = self._parts.stops.take(stop.stop, frame)
        self._parts.recorder.event("stop_latched", f"{name}: {stop.reason[:80]}", now_ns)
        return name

    def dispute(self, rival: NodeId, dispute: Dispute, now_ns: int) -> str | None:
        """Give up an authority that a neighbour was granted ground of; say why not, or None."""
        held = self._parts.pilot.held_authority
        if held is None or held.id != dispute.authority:
            return "authority"
        if self._parts.pilot.dispute(now_ns):
            self._parts.recorder.event("authority_disputed", f"{held.id}: by {rival}", now_ns)
        return None

    def overhear(self, node: NodeId, header: Header, grant: Grant, now_ns: int) -> None:
        """Take note of an authority of a neighbour; if it is of ground of ours, both give up."""
        neighbours, lease = self._parts.neighbours, self._parts.pilot.leasing.lease
        is_news = neighbours.overhear(node, header.epoch, header.number, grant)
        if lease is None or not is_news:
            return
        judged = neighbours.is_against(lease.grant, grant, header.epoch, header.number)
        if judged and authority.meets(lease, grant):
            self._contest((node, grant), lease.grant, now_ns)

    def _carry_out(
        self,
        command: (
            Census
            | Assign
            | Grant
            | Shorten
            | Hold
            | Resume
            | Hibernate
            | Cancel
            | ReleaseStop
            | LockOut
            | Unlock
            | SetChannels
        ),
        header: Header,
        now_ns: int,
    ) -> str | None:
        match command:
            case Assign():
                return self._assign(command, now_ns)
            case Grant():
                return self._grant(command, header, now_ns)
            case Shorten():
                return self._parts.pilot.shortened(command, now_ns)
            case Cancel():
                return self._cancel(TaskRef(command.task, command.attempt), now_ns)
            case Census():
                self._prove()
            case Hold():
                return self._hold(command, now_ns)
            case Resume():
                return self._resume(command, now_ns)
            case Hibernate():
                return self._hibernate(command, now_ns)
            case ReleaseStop():
                self._release(command.stop, now_ns)
            case LockOut() | Unlock():
                return self._tag(command, now_ns)
            case SetChannels():
                return self._set_channels(command, now_ns)
            case _:
                assert_never(command)
        return None

    def _grant(self, grant: Grant, header: Header, now_ns: int) -> str | None:
        if self._parts.locks.latched:
            return "locked"
        # What is refused anyhow must not cost a neighbour its authority.
        refusal = self._parts.pilot.refusal(grant, now_ns)
        if refusal is not None:
            return refusal
        neighbours, held = self._parts.neighbours, authority.ground(grant)
        word = Word(header.epoch, grant.neighbours, grant.number)
        rival = neighbours.in_the_way(held, grant.half_width_m, word)
        if rival is not None:
            return self._contest(rival, grant, now_ns)
        self._parts.pilot.leasing.granted(grant, now_ns)
        neighbours.took(header.epoch, header.number)
        text = f"{grant.authority} for {grant.lifetime_ns / 1e9:.0f} s"
        self._parts.recorder.event("authority_accepted", text, now_ns)
        return None

    def _renew(self, renew: Renew, header: Header, now_ns: int) -> str | None:
        neighbours, leasing = self._parts.neighbours, self._parts.pilot.leasing
        refusal, lease = leasing.renewal_refusal(renew), leasing.lease
        if refusal is not None or lease is None:
            return refusal
        if renew.stop_m > lease.stop_m:
            ahead, half_width_m = authority.ahead(lease, renew.stop_m), lease.grant.half_width_m
            word = Word(header.epoch, renew.neighbours, _ANY)
            rival = neighbours.in_the_way(ahead, half_width_m, word)
            if rival is not None:
                return self._contest(rival, lease.grant, now_ns)
            neighbours.took(header.epoch, header.number)
        neighbours.counted_by(header.epoch)
        leasing.renewed(renew)
        return None

    def _contest(self, rival: tuple[NodeId, Grant], ours: Grant, now_ns: int) -> str:
        """Tell a neighbour that its ground meets ours, and give ours up; say why in a word."""
        node, theirs = rival
        self._parts.outlet.publish_to(node, "ma", Dispute(authority=theirs.authority), now_ns)
        text = f"{ours.authority} meets {theirs.authority} of {node}"
        self._parts.recorder.event("authority_disputed", text, now_ns)
        if self._parts.pilot.held_authority is not None:
            self._parts.pilot.dispute(now_ns)
        return "neighbour"

    def _prove(self) -> None:
        commands, course = self._parts.commands, self._parts.course
        if not commands.proven:
            commands.proven = True
            course.fire(Event.PROVE)

    def _assign(self, assign: Assign, now_ns: int) -> str | None:
        parts, ref = self._parts, tasks.ref_of(assign)
        if self._has(ref):
            return None
        reason = tasks.flaw(assign) or self._cannot_take(assign)
        if reason is not None:
            return reason
        parts.outlet.persist(TASK_TABLE, ref.task, ref.attempt, _encoder.encode(assign))
        parts.recorder.report(ref, TaskOutcome.ACCEPTED, now_ns)
        if assign.workload is None:
            parts.pilot.assign(assign, now_ns)
        else:
            parts.workloads.start(assign, now_ns)
        return None

    def _cannot_take(self, assign: Assign) -> str | None:
        """Give why the node can't take the task now; one in safe mode begins nothing."""
        parts = self._parts
        if assign.workload is not None:
            if parts.config.slots == 0:
                return "unable"
            return None if parts.workloads.has_room(assign.task) else "busy"
        if not parts.config.is_machine:
            return "unable"
        if parts.locks.latched:
            return "locked"
        if parts.course.state is State.SAFE:
            return "safe"
        return None if parts.pilot.task is None else "busy"

    def _hold(self, hold: Hold, now_ns: int) -> str | None:
        epoch, switch = self._parts.commands.epoch, self._parts.hold
        if switch.is_superseded(epoch, hold.turn):
            return "superseded"
        if self._parts.config.is_machine:
            self._parts.pilot.helm.halt(now_ns)
        switch.put(held=True, epoch=epoch, turn=hold.turn)
        self._parts.recorder.event("held", "by an operator", now_ns)
        return None

    def _resume(self, resume: Resume, now_ns: int) -> str | None:
        epoch, switch = self._parts.commands.epoch, self._parts.hold
        if switch.is_superseded(epoch, resume.turn):
            return "superseded"
        switch.put(held=False, epoch=epoch, turn=resume.turn)
        self._parts.recorder.event("resumed", "by an operator", now_ns)
        return None

    def _hibernate(self, hibernate: Hibernate, now_ns: int) -> str | None:
        site_ns = self._parts.clock.site_ns(now_ns)
        if site_ns is None or hibernate.until_ns <= site_ns:
            return "over"
        reason = self.unrest(now_ns)
        if reason is None:
            self._parts.slumber.until_ns = hibernate.until_ns
            self._parts.recorder.event("hibernates", "by an operator", now_ns)
        return reason

    def unrest(self, now_ns: int) -> str | None:
        """Give why the node can't sleep now, or None."""
        parts = self._parts
        if parts.pilot.task is not None or parts.workloads.count:
            return "busy"
        if parts.pilot.held_authority is not None:
            return "authority"
        if parts.config.is_machine and not parts.pilot.helm.at_rest(now_ns):
            return "moving"
        return None

    def _cancel(self, ref: TaskRef, now_ns: int) -> str | None:
        if not self._has(ref):
            return "unknown_task"
        if self._parts.workloads.has(ref):
            self._parts.workloads.cancel(ref, now_ns)
        else:
            self._parts.pilot.cancel(now_ns)
        return None

    def _release(self, stop: str, now_ns: int) -> None:
        if self._parts.stops.release(stop):
            self._parts.recorder.event("stop_released", stop[:ID_LENGTH_MAX], now_ns)

    def _tag(self, command: LockOut | Unlock, now_ns: int) -> str | None:
        if isinstance(command, LockOut):
            return self._lock_out(command.tag, now_ns)
        self._unlock(command.tag, now_ns)
        return None

    def _lock_out(self, tag: str, now_ns: int) -> str | None:
        if not self._parts.config.is_machine:
            return "unable"
        if not self._parts.locks.knows(tag):
            self._parts.pilot.helm.halt(now_ns)
            name = self._parts.locks.take(tag)
            self._parts.recorder.event("locked_out", name, now_ns)
        return None

    def _unlock(self, tag: str, now_ns: int) -> None:
        if self._parts.locks.release(tag):
            self._parts.recorder.event("unlocked", tag[:ID_LENGTH_MAX], now_ns)

    def _set_channels(self, command: SetChannels, now_ns: int) -> str | None:
        epoch, policies = self._parts.commands.epoch, command.policies
        is_known = policies == self._parts.policies.said
        reason = self._parts.policies.put(policies, epoch, command.turn)
        if reason is None and not is_known:
            self._parts.recorder.event("channels_set", ", ".join(policies)[:80], now_ns)
        return reason

    def _has(self, ref: TaskRef) -> bool:
        task = self._parts.pilot.task
        return self._parts.workloads.has(ref) or (task is not None and task.ref == ref)
