"""The agent node: what runs on every board, behind the contract of `lunaredge.node`.

Takes messages, samples, workload ends and the time; hands out effects. It is thin: who may command
is `commands`' to say, what a command comes to is `duties`', what the machine does is `pilot`'s,
what is told is `presence`'s. Here is only who is told what, and in which order. Times are the
board's own monotonic clock.
"""

from collections.abc import Iterable

from lunaredge.agent.cadence import Cadence
from lunaredge.agent.clock import CONTRADICTED
from lunaredge.agent.commands import has_sane_id
from lunaredge.agent.config import AgentConfig
from lunaredge.agent.duties import Duties
from lunaredge.agent.pace import Finding
from lunaredge.agent.parts import Parts
from lunaredge.agent.pilot import World
from lunaredge.agent.presence import Presence
from lunaredge.agent.relay import StopRelay
from lunaredge.agent.restore import restore
from lunaredge.agent.states import Event, State
from lunaredge.agent.tasks import End, TaskRef
from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import BootId, KeyId, TaskId
from lunaredge.node import Effect, Level, Publish, Rebirth, Row
from lunaredge.units import NS_PER_S
from lunaredge.wire import codec, topics
from lunaredge.wire.codec import Received
from lunaredge.wire.driver import Hello, Sample
from lunaredge.wire.messages import (
    Census,
    Command,
    Dispute,
    Farewell,
    Grant,
    Hibernate,
    Outlived,
    RebirthRequest,
    RecordAck,
    Stop,
    TimeReply,
)
from lunaredge.wire.records import TaskOutcome
from lunaredge.wire.seal import Keyring, Role, Sealer, Signer

# How often unacknowledged uploads are looked through for what is due again or due for the disk.
_UPKEEP_NS = 5 * NS_PER_S
# People and logs are told once an hour what the medium took.
_FLASH_REPORT_NS = 3600 * NS_PER_S
# Something that is due but can't be done must not make the shell spin.
_WAKEUP_NS_MIN = 1_000_000


class AgentNode:
    """One agent. Give it what its shell hears; carry out what `take_effects` hands out.

    Raises:
        ConfigError: the settings can't be used.
    """

    def __init__(self, config: AgentConfig, boot: BootId, signer: Signer, keyring: Keyring) -> None:
        config.validate()
        self._config = config
        self._boot = boot
        self._keyring = keyring
        self._parts = Parts(config, boot, signer)
        self._parts.spool.bulk_sealer = _tagger(signer, keyring)
        self._duties = Duties(self._parts)
        self._presence = Presence(self._parts)
        self._now_ns: int | None = None
        self._upkeep = Cadence(_UPKEEP_NS, _UPKEEP_NS // 2)
        self._flash_reports = Cadence(_FLASH_REPORT_NS)
        self._commands_topic = topics.build(config.site, config.node, "cmd")
        self._authorities_topic = topics.build(config.site, config.node, "ma")
        self._all_authorities = f"{topics.ROOT}/{config.site}/+/ma"
        self._acks_topic = topics.build(config.site, config.node, "ack")
        self._rebirths_topic = topics.build(config.site, config.node, "rebirth")
        self._stops_topic = topics.stop_all(config.site)
        self._relay = StopRelay(self._parts.outlet, self._stops_topic, self._parts.stops)

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Commands, everybody's authorities, acknowledgements, stops, and who asks for a birth."""
        own = (self._commands_topic, self._acks_topic, self._rebirths_topic, self._stops_topic)
        # Who doesn't move needs no ground.
        return (*own, self._all_authorities) if self._config.is_machine else own

    # --- the node contract -----------------------------------------------------------------------

    def restore(self, rows: Iterable[Row], now_ns: int) -> None:
        """Take back what an earlier life persisted. Called once, before anything else."""
        assert self._now_ns is None, "restore comes first"
        self._enter(now_ns)
        restore(self._parts, rows, now_ns)
        self._settle(now_ns)

    def receive(self, topic: str, payload: bytes, now_ns: int) -> None:
        """Take a message; what can't be believed is counted and changes nothing."""
        self._enter(now_ns)
        try:
            received = codec.decode(payload, self._keyring)
        except RemoteProtocolError as exc:
            reason: str | None = exc.reason
        else:
            reason = self._take(topic, received, payload, now_ns)
        if reason is not None:
            source = topic if topic in self.subscriptions else "another topic"
            self._parts.outlet.refuse(source, reason)
        self._settle(now_ns)

    def connected(self, now_ns: int) -> None:
        """Learn that the broker is reached (again); what was in flight may be lost."""
        self._enter(now_ns)
        self._parts.outlet.connected = True
        # Its farewell may be lost.
        self._parts.slumber.stir()
        self._parts.spool.resend_all()
        self._presence.connected(now_ns)
        self._relay.say_again()
        self._tick(now_ns)

    def disconnected(self, now_ns: int) -> None:
        """Learn that the broker is out of reach; nothing is published until it is back."""
        self._enter(now_ns)
        self._parts.outlet.connected = False
        self._settle(now_ns)

    def tick(self, now_ns: int) -> None:
        """Do what is due."""
        self._enter(now_ns)
        self._tick(now_ns)

    def wakeup_ns(self) -> int | None:
        """Say when ``tick`` must next be called; None before anything was heard."""
        now_ns = self._now_ns
        if now_ns is None:
            return None
        pilot_ns = self._parts.pilot.wakeup_ns(now_ns)
        times = (*self._presence.wakeups_ns(), self._upkeep.wakeup_ns, pilot_ns)
        earliest_ns = min([time for time in times if time is not None], default=now_ns)
        return max(earliest_ns, now_ns + _WAKEUP_NS_MIN)

    def take_effects(self) -> list[Effect]:
        """Hand out, in order, what is to be done, and forget it."""
        return self._parts.outlet.take()

    # --- what an agent's shell tells besides -----------------------------------------------------

    def attached(self, hello: Hello, now_ns: int) -> None:
        """Learn that the machine's controller answered."""
        self._enter(now_ns)
        reason = self._parts.pilot.attached(hello, now_ns)
        if reason is None:
            text = f"a set-point lives {hello.setpoint_lifetime_s:g} s"
            self._parts.recorder.event("driver_found", text, now_ns)
        else:
            self._parts.outlet.refuse("driver", reason)
        self._settle(now_ns)

    def sense(self, sample: Sample, now_ns: int) -> None:
        """Take what the machine measures."""
        self._enter(now_ns)
        finding = self._parts.pace.take(sample.clock_ns, now_ns)
        if finding is Finding.PARTED:
            self._distrust("it parted from the controller's", now_ns)
        elif finding is Finding.RESTARTED:
            self._forget_times(now_ns)
            self._parts.outlet.refuse("driver", "controller_restarted")
            self._parts.recorder.event("controller_restarted", "its clock began anew", now_ns)
        elif finding is Finding.LATE:
            self._presence.ask_time(now_ns)
        else:
            self._parts.clock.vouched(now_ns)
        reason = self._parts.pilot.sense(sample, now_ns - self._parts.pace.late_ns)
        if reason is not None:
            self._parts.outlet.refuse("driver", reason)
        # What is due about now goes with the sample: a row and a heartbeat that show it, and one
        # wake-up of the board for all.
        self._tick(now_ns)

    def detached(self, now_ns: int) -> None:
        """Learn that the machine's controller is out of reach."""
        self._enter(now_ns)
        self._parts.pilot.helm.detached()
        self._parts.recorder.event("driver_lost", "", now_ns)
        self._settle(now_ns)

    def workload_ended(
        self,
        task: TaskId,
        attempt: int,
        ok: bool,  # noqa: FBT001 (the word of the shell's contract)
        result: bytes,
        reason: str,
        now_ns: int,
    ) -> None:
        """Learn that a workload is over: done with a result, or failed with a reason."""
        self._enter(now_ns)
        outcome = TaskOutcome.DONE if ok else TaskOutcome.FAILED
        end = End(result=result) if ok else End(reason=reason)
        self._parts.workloads.ended(TaskRef(task, attempt), outcome, now_ns, end)
        self._settle(now_ns)

    def written(self, size_bytes: int, now_ns: int) -> None:
        """Learn how many bytes a commit took of the medium's life."""
        self._enter(now_ns)
        self._parts.flash.written(size_bytes, now_ns)

    def flash_bytes_day(self, now_ns: int) -> int:
        """Give the bytes written to the medium in the last 24 hours, or in this life if shorter."""
        return self._parts.flash.bytes_day(now_ns)

    def will(self, now_ns: int) -> Publish:
        """Give what the broker shall say when the connection breaks."""
        farewell = Farewell(node=self._config.node, orderly=False)
        return self._parts.outlet.message("node", farewell, now_ns)

    def leave(self, now_ns: int) -> None:
        """Come to rest, put everything on disk, and say goodbye: the process ends in good order."""
        self._enter(now_ns)
        parts = self._parts
        if self._config.is_machine:
            parts.pilot.helm.halt(now_ns)
        self._presence.upload_rows(now_ns)
        parts.spool.write_all(now_ns)
        farewell = Farewell(node=self._config.node, orderly=True)
        parts.outlet.publish("node", farewell, now_ns)

    # --- inside ----------------------------------------------------------------------------------

    def _take(self, topic: str, received: Received, payload: bytes, now_ns: int) -> str | None:
        """Take a message that arrived whole; give the reason where it is refused."""
        body = received.body
        if topic == self._stops_topic and isinstance(body, Stop):
            return self._take_stop(received, body, payload, now_ns)
        if topic == self._commands_topic and isinstance(body, TimeReply):
            return self._take_time(received, body, now_ns)
        if isinstance(body, Grant):
            return self._take_grant(topic, received, body, now_ns)
        if topic == self._authorities_topic and isinstance(body, Dispute):
            return self._take_dispute(received, body, now_ns)
        if topic == self._commands_topic and isinstance(body, Command):
            return self._take_command(received, body, now_ns)
        if topic == self._commands_topic and isinstance(body, Outlived):
            return self._take_outlived(received, body)
        if topic == self._acks_topic and isinstance(body, RecordAck):
            return self._take_ack(received, body)
        if topic == self._rebirths_topic and isinstance(body, RebirthRequest):
            self._parts.announcer.asked(now_ns)
            self._parts.announcer.tick(self._parts.spool.held, now_ns)
            return None
        return "unexpected" if topic in self.subscriptions else "topic"

    def _take_stop(self, received: Received, stop: Stop, payload: bytes, now_ns: int) -> str | None:
        if received.role is None:
            return "unsigned"
        if stop.node is None or stop.node == self._config.node:
            latched = self._duties.stop(stop, payload, now_ns)
            if latched is not None:
                # Others may hear of it from us alone.
                self._wake(now_ns)
            if latched is None:
                self._relay.heard(stop.stop)
            else:
                self._relay.take(latched)
        return None

    def _take_time(self, received: Received, reply: TimeReply, now_ns: int) -> str | None:
        reason = self._parts.commands.refusal_of_word(received)
        if reason is None:
            reason = self._parts.clock.answered(reply, now_ns)
        if reason == CONTRADICTED:
            self._distrust("an answer contradicted it", now_ns)
        if reason is None:
            self._presence.heard(now_ns)
        return reason

    def _take_ack(self, received: Received, ack: RecordAck) -> str | None:
        reason = self._parts.commands.refusal_of_ack(received, ack.record_class)
        if reason is None:
            # It doesn't show that the scheduler is in reach: an old copy can be played back, and
            # another than the scheduler may have said it.
            self._parts.spool.acknowledge(ack)
        return reason

    def _take_grant(self, topic: str, received: Received, grant: Grant, now_ns: int) -> str | None:
        if topic == self._authorities_topic:
            return self._take_command(received, grant, now_ns)
        where = topics.parse(topic)
        if where is None or where.channel != "ma":
            return "topic"
        header = received.header
        if received.role is not Role.SCHEDULER:
            return "role"
        if header.to != where.node:
            return "addressee"
        if header.epoch > self._parts.commands.epoch:
            # There is a newer leader: ours is to learn it from us, and to count all of us anew.
            self._parts.commands.accept(header.epoch)
        self._duties.overhear(where.node, header, grant, now_ns)
        return None

    def _take_dispute(self, received: Received, dispute: Dispute, now_ns: int) -> str | None:
        header = received.header
        if received.role is not Role.NODE or header.key != KeyId(header.node):
            return "role"
        if header.to != self._config.node:
            return "addressee"
        return self._duties.dispute(header.node, dispute, now_ns)

    def _take_outlived(self, received: Received, outlived: Outlived) -> str | None:
        reason = self._parts.commands.refusal_of_word(received)
        # A dead life's birth may come late and be answered: that is not for this one.
        if reason is None and outlived.boot == self._boot <= outlived.floor:
            self._parts.outlet.note(Level.WARNING, "life.outlived", floor=outlived.floor)
            self._parts.outlet.add(Rebirth(outlived.floor))
        return reason

    def _take_command(self, received: Received, command: Command, now_ns: int) -> str | None:
        commands = self._parts.commands
        reason = commands.refusal(received, self._latest_site_ns(now_ns))
        if reason is None and not has_sane_id(command):
            reason = "garbage"
        if reason is not None:
            return reason
        is_new = commands.first_reply(command.command) is None
        if is_new:
            # As with acknowledgements: an answered one may be an old copy.
            self._presence.heard(now_ns)
        commands.accept(received.header.epoch)
        # Asleep, it answers all the same. A new leader counts it in, and lets it sleep on; whatever
        # else is new to it wakes it.
        self._parts.slumber.stir()
        reason = self._duties.obey(command, received.header, now_ns)
        if is_new and not isinstance(command, Census | Hibernate):
            self._wake(now_ns)
        if isinstance(command, Census):
            if is_new:
                self._relay.say_all()
            self._presence.tell_anew()
        return reason

    def _latest_site_ns(self, now_ns: int) -> int | None:
        """Give the latest that site time can be; None while it is not known well enough."""
        clock = self._parts.clock
        site_ns, error_ns = clock.site_ns(now_ns), clock.error_ns(now_ns)
        if site_ns is None or error_ns is None or not self._parts.clock_good(now_ns):
            return None
        return site_ns + error_ns

    def _enter(self, now_ns: int) -> None:
        """Begin with an input; a local clock that went back has lost its word on every age."""
        if self._now_ns is not None and now_ns < self._now_ns:
            self._presence.upload_rows(self._now_ns)
            self._presence.heard(now_ns)
            self._distrust("it went back", now_ns)
        self._now_ns = now_ns

    def _distrust(self, why: str, now_ns: int) -> None:
        """Say that the local clock can't be right, and believe no time that it has measured."""
        self._forget_times(now_ns)
        self._parts.outlet.refuse("local clock", "clock_jump")
        self._parts.recorder.event("clock_jumped", why, now_ns)

    def _forget_times(self, now_ns: int) -> None:
        """Believe no time that the local clock has measured, and ask for site time anew."""
        parts = self._parts
        self._presence.upload_rows(now_ns)
        parts.rows.forget_times()
        # It can't tell any more when it is to wake.
        self._wake(now_ns)
        parts.clock.forget()
        parts.pilot.clock_jumped(now_ns)
        parts.spool.resend_all()
        self._presence.ask_time(now_ns)

    def _fall_asleep(self, now_ns: int) -> None:
        """Say farewell and be quiet, if that was asked; no more of it where there is no rest."""
        parts, until_ns = self._parts, self._parts.slumber.until_ns
        if until_ns is None or parts.slumber.is_asleep:
            return
        site_ns = parts.clock.site_ns(now_ns)
        if site_ns is None or site_ns >= until_ns or self._duties.unrest(now_ns) is not None:
            parts.slumber.end()
            return
        self._presence.upload_rows(now_ns)
        parts.spool.write_all(now_ns)
        parts.spool.pump(now_ns)
        farewell = Farewell(node=self._config.node, orderly=True, until_ns=until_ns)
        parts.outlet.publish("node", farewell, now_ns)
        parts.slumber.begin(now_ns + until_ns - site_ns)

    def _wake(self, now_ns: int) -> None:
        """End a sleep, and say at once who is there."""
        parts = self._parts
        if parts.slumber.until_ns is not None:
            parts.slumber.end()
            parts.spool.resend_all()
            self._presence.connected(now_ns)

    def _tick(self, now_ns: int) -> None:
        wakeup_ns = self._parts.slumber.wakeup_ns
        if wakeup_ns is not None and wakeup_ns <= now_ns:
            self._wake(now_ns)
        self._presence.tick(now_ns)
        self._parts.workloads.expire(now_ns)
        if self._upkeep.take(now_ns):
            if self._parts.flash.allows(now_ns):
                self._parts.spool.write_late(now_ns)
            self._report_flash(now_ns)
            if not self._presence.reachable(now_ns):
                self._relay.say_again()
        self._settle(now_ns)

    def _report_flash(self, now_ns: int) -> None:
        bytes_day = self.flash_bytes_day(now_ns)
        # It wakes nobody by itself: the next upkeep will do.
        if bytes_day and self._flash_reports.take(now_ns):
            bytes_max = self._config.flash_bytes_per_day_max
            fields = {"bytes_day": bytes_day, "bytes_day_max": bytes_max}
            self._parts.outlet.note(Level.INFO, "flash.written", **fields)

    def _settle(self, now_ns: int) -> None:
        """End an input: judge the motion, show the state, send what is due, tell what changed."""
        parts = self._parts
        error_ns = parts.clock.error_ns(now_ns)
        world = World(
            proven=parts.commands.proven,
            stopped=bool(parts.stops.latched),
            locked=bool(parts.locks.latched),
            held=parts.hold.held,
            clock_good=error_ns is not None and error_ns <= parts.clock_error_ns_max,
            clock_error_ns=error_ns,
            reachable=self._presence.reachable(now_ns),
        )
        parts.pilot.settle(world, now_ns)
        if parts.pilot.task is None and parts.pilot.blocker is None:
            self._show_workloads()
        parts.spool.pump(now_ns)
        self._presence.tell_changes(now_ns)
        self._fall_asleep(now_ns)

    def _show_workloads(self) -> None:
        course = self._parts.course
        if self._parts.workloads.count:
            course.reach(State.WORKING, Event.WORK)
        elif course.state is not State.IDLE:
            course.fire(Event.END)


def _tagger(signer: Signer, keyring: Keyring) -> Sealer | None:
    """Give what seals telemetry for the archive; None at a site that has enrolled none."""
    archive = keyring.public(KeyId(topics.ARCHIVE))
    if archive is None or archive.role is not Role.ARCHIVE:
        return None
    return signer.tagger(archive)
