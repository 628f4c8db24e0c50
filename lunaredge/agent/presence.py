"""The node's word about itself: births, heartbeats, requests for site time, telemetry rows.

Owns the cadences and the situation. A heartbeat goes out at its period and, besides, at once when
something changed that the scheduler acts on.
"""

from lunaredge.agent.cadence import Cadence
from lunaredge.agent.config import AgentConfig
from lunaredge.agent.parts import Parts
from lunaredge.agent.states import State
from lunaredge.agent.telemetry import NO_VALUE, Health
from lunaredge.units import ns_from_s, s_from_ns
from lunaredge.wire.messages import (
    Autonomy,
    Birth,
    Heartbeat,
    RecordClass,
    Situation,
    TimeRequest,
)


class Presence:
    """Tells the scheduler where the node stands."""

    def __init__(self, parts: Parts) -> None:
        config = parts.config
        self._parts = parts
        self._reach_ns = ns_from_s(config.reach_s)
        self._heard_ns: int | None = None
        self._births = _cadence(config, config.birth_period_s)
        self._heartbeats = _cadence(config, config.heartbeat_period_s)
        self._time_requests = _cadence(config, config.time_period_s)
        self._row_turns = _cadence(config, config.row_period_s)
        self._batches = _cadence(config, config.batch_period_s)
        self._told: tuple[object, ...] = ()

    # --- the scheduler's reach -------------------------------------------------------------------

    def heard(self, now_ns: int) -> None:
        """Learn that the scheduler's word came through."""
        self._heard_ns = now_ns

    def reachable(self, now_ns: int) -> bool:
        """Tell whether the scheduler was heard lately; a new life begins with the benefit of it."""
        if self._heard_ns is None:
            self._heard_ns = now_ns
        return now_ns - self._heard_ns < self._reach_ns

    def ask_time(self, now_ns: int) -> None:
        """Have site time asked for at once."""
        self._time_requests.hurry(now_ns)

    # --- periods ---------------------------------------------------------------------------------

    def connected(self, now_ns: int) -> None:
        """Say at once who is there, and ask for the time."""
        for cadence in (self._births, self._heartbeats, self._time_requests):
            cadence.hurry(now_ns)
        self._parts.announcer.say(self._parts.spool.held, now_ns)
        self.tell_anew()

    def tick(self, now_ns: int) -> None:
        """Do what is due by its period; births until a census, heartbeats after it."""
        parts = self._parts
        if self._time_requests.take(now_ns) and parts.outlet.reached:
            parts.clock.requested(now_ns)
            parts.outlet.publish_unsigned("ask", TimeRequest(local_ns=now_ns), now_ns)
        if parts.slumber.is_asleep:
            return
        if self._births.take(now_ns) and not parts.commands.proven:
            birth = Birth(kind=parts.config.kind, situation=self.situation(now_ns))
            parts.outlet.publish("node", birth, now_ns)
        if self._heartbeats.take(now_ns):
            self.heartbeat(now_ns)
        if self._row_turns.take(now_ns):
            if parts.rows.was_away(now_ns):
                self.upload_rows(now_ns)
            sample = parts.pilot.helm.fresh(now_ns)
            for _ in range(parts.rows.add(sample, self._health(now_ns), now_ns)):
                parts.outlet.refuse("driver", "not_finite")
        if self._batches.take(now_ns) or parts.rows.full:
            self.upload_rows(now_ns)
        parts.announcer.tick(parts.spool.held, now_ns)

    def heartbeat(self, now_ns: int) -> None:
        """Tell the situation now; nothing before a census, when births tell it."""
        if self._parts.commands.proven:
            situation = self.situation(now_ns)
            self._told = self._worth_telling(now_ns)
            self._heartbeats.restart(now_ns)
            self._parts.outlet.publish("node", Heartbeat(situation=situation), now_ns)

    def tell_changes(self, now_ns: int) -> None:
        """Tell the situation now if something in it changed that the scheduler acts on."""
        if self._worth_telling(now_ns) != self._told:
            self.heartbeat(now_ns)

    def tell_anew(self) -> None:
        """Have the situation told with the next change, even if nothing changes."""
        self._told = ()

    def upload_rows(self, now_ns: int) -> None:
        """Hand the rows so far to the spool, once site time is known."""
        packed = self._parts.rows.pack(self._parts.clock, now_ns)
        if packed is not None:
            self._parts.recorder.telemetry(*packed, now_ns)

    def wakeups_ns(self) -> tuple[int | None, ...]:
        """Say when each thing is next due by its period."""
        if self._parts.slumber.is_asleep:
            return (self._parts.slumber.wakeup_ns, self._time_requests.wakeup_ns)
        return (
            self._heartbeats.wakeup_ns,
            self._time_requests.wakeup_ns,
            self._row_turns.wakeup_ns,
            self._batches.wakeup_ns,
            self._parts.announcer.wakeup_ns,
            None if self._parts.commands.proven else self._births.wakeup_ns,
        )

    # --- the situation ---------------------------------------------------------------------------

    def situation(self, now_ns: int) -> Situation:
        """Give where the node stands."""
        parts = self._parts
        sample = parts.pilot.helm.fresh(now_ns)
        last = parts.pilot.helm.last
        task = parts.pilot.task
        ref = parts.workloads.first if task is None else task.ref
        return Situation(
            state=parts.course.state.value,
            autonomy=self._autonomy(now_ns),
            x_m=None if sample is None else sample.x_m,
            y_m=None if sample is None else sample.y_m,
            heading_rad=None if sample is None else sample.heading_rad,
            pose_error_m=0.0 if last is None else last.pose_error_m,
            at_rest=not parts.config.is_machine or parts.pilot.helm.at_rest(now_ns),
            brake_ratio=1.0 if last is None else last.brake_ratio,
            battery_wh=None if last is None else last.battery_wh,
            payload_kg=0.0 if last is None else last.payload_kg,
            authority=parts.pilot.held_authority,
            task=None if ref is None else ref.task,
            attempt=0 if ref is None else ref.attempt,
            progress_ratio=parts.pilot.progress_ratio,
            stops=parts.stops.latched,
            held=parts.hold.held,
            epoch=parts.commands.epoch,
            spool_count=parts.spool.count,
            refused=dict(parts.outlet.refused),
            produced=self._with_dropped_rows(parts.spool.produced),
            dropped=self._with_dropped_rows(parts.spool.dropped),
            locks=parts.locks.latched,
        )

    def _worth_telling(self, now_ns: int) -> tuple[object, ...]:
        """Give what of the situation the scheduler acts on."""
        parts = self._parts
        lease, task = parts.pilot.leasing.lease, parts.pilot.task
        return (
            parts.course.state,
            self._autonomy(now_ns),
            not parts.config.is_machine or parts.pilot.helm.at_rest(now_ns),
            None if lease is None else (lease.grant.authority, lease.revision, lease.at_stop),
            parts.workloads.first if task is None else task.ref,
            parts.stops.latched,
            parts.locks.latched,
            parts.hold.held,
            parts.commands.epoch,
            parts.pilot.helm.fresh(now_ns) is None,
        )

    def _autonomy(self, now_ns: int) -> Autonomy:
        if self._parts.course.state is State.SAFE:
            return Autonomy.A3
        return Autonomy.A0 if self.reachable(now_ns) else Autonomy.A2

    def _with_dropped_rows(self, counts: dict[RecordClass, int]) -> dict[str, int]:
        named = {record_class.value: count for record_class, count in counts.items()}
        dropped_count = self._parts.rows.dropped_count
        if dropped_count:
            raw = RecordClass.RAW.value
            named[raw] = named.get(raw, 0) + dropped_count
        return named

    def _health(self, now_ns: int) -> Health:
        parts = self._parts
        error_ns = parts.clock.error_ns(now_ns)
        left_ns = parts.pilot.leasing.left_ns(now_ns)
        return Health(
            tasks_count=parts.workloads.count + (parts.pilot.task is not None),
            progress_ratio=parts.pilot.progress_ratio,
            spool_count=parts.spool.count,
            spool_bytes=parts.spool.size_bytes,
            refused_count=sum(parts.outlet.refused.values()),
            rebirths_count=parts.announcer.asked_count,
            clock_error_s=NO_VALUE if error_ns is None else s_from_ns(error_ns),
            lease_left_s=NO_VALUE if left_ns is None else s_from_ns(left_ns),
        )


def _cadence(config: AgentConfig, period_s: float) -> Cadence:
    """Give a cadence that waits for a sample: one always comes within its slack."""
    slack_s = 0.5 * min(period_s, config.sample_period_s)
    return Cadence(ns_from_s(period_s), ns_from_s(slack_s))
