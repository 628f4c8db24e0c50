"""Protecting lines, each taken away: what the simulator must notice (`test_mutants`)."""

from functools import partial

import pytest
from msgspec.structs import replace

from lunaredge.agent import commands, leasing
from lunaredge.agent.authority import Lease
from lunaredge.agent.clock import SiteClock
from lunaredge.agent.duties import Duties
from lunaredge.agent.hold import HoldSwitch
from lunaredge.agent.node import AgentNode
from lunaredge.agent.pace import Finding, Pace
from lunaredge.agent.permit import Facts
from lunaredge.agent.pilot import Pilot, World
from lunaredge.agent.stops import LOCK_TABLE, StopLatch
from lunaredge.archive import intake as archive_intake
from lunaredge.archive import streams as archive_streams
from lunaredge.archive.config import ArchiveConfig
from lunaredge.archive.node import ArchiveNode
from lunaredge.ids import NodeId
from lunaredge.machine.controller import Machine as Controlled
from lunaredge.machine.setpoint import Setpoint
from lunaredge.model.polyline import Path
from lunaredge.node import Archive, Effect, Erase, Keep, Persist
from lunaredge.placement import Machine
from lunaredge.scheduler import (
    backlog,
    claims,
    closures,
    conflicts,
    draining,
    ingest,
    lockout,
    outlook,
    presence,
    reach,
    space,
    trips_out,
    vouch,
)
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.effort import Standing
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.inputs import Placed
from lunaredge.scheduler.node import SchedulerNode
from lunaredge.scheduler.occupancy import Occupancy
from lunaredge.scheduler.outset import Outset
from lunaredge.scheduler.paths import Chain
from lunaredge.scheduler.state import Closure, Granted, NodeEntry, Presence
from lunaredge.sim import simulation
from lunaredge.units import NS_PER_S, SECONDS_PER_HOUR
from lunaredge.wire.codec import Received
from lunaredge.wire.driver import Sample
from lunaredge.wire.messages import (
    Assign,
    Defer,
    Grant,
    HeldAuthority,
    Renew,
    Shorten,
    Situation,
    Upload,
)
from lunaredge.wire.ranges import Ranges
from lunaredge.wire.records import TaskOutcome
from lunaredge.wire.seal import Keyring
from lunaredge.wire.session import Verdict


def everybody_else_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(space, "claims_of_others", lambda ctx, node: ())


def ground_is_freed_before_it_is_left(patch: pytest.MonkeyPatch) -> None:
    def settle(ctx: Context, node: NodeEntry, granted: Granted, held: HeldAuthority) -> None:
        granted.taken = True
        granted.released_m = granted.length_m
        node.body = granted.path[-1]

    patch.setattr(claims, "_settle_driving", settle)


def silence_frees_ground(patch: pytest.MonkeyPatch) -> None:
    honest = space.claim

    def claim(ctx: Context, node: NodeEntry) -> list[Chain]:
        silent_ns = ctx.now_ns - node.heard_ns
        return [] if silent_ns > 20 * NS_PER_S else honest(ctx, node)

    patch.setattr(space, "claim", claim)


def nobody_is_counted_before_a_grant(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(claims, "census_missing", lambda ctx: [])


def epochs_are_counted_on_by_one(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(presence, "_epoch_above", lambda ctx, floor: ctx.state.epoch + 1)


def leases_never_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(leasing.authority, "is_over", lambda lease, margin_ns, now_ns: False)


def work_goes_on_after_its_lease(patch: pytest.MonkeyPatch) -> None:
    honest = Pilot._facts

    def facts(self: Pilot, world: World, now_ns: int) -> Facts:
        lease = self.leasing.lease
        works = lease is not None and lease.at_stop and not lease.spent
        judged = honest(self, world, now_ns)
        return replace(judged, lease_live=judged.lease_live or works)

    patch.setattr(Pilot, "_facts", facts)


def broken_clocks_are_trusted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Pace, "take", lambda self, measured_ns, now_ns: Finding.ALIKE)
    patch.setattr(AgentNode, "_distrust", lambda self, why, now_ns: None)


def repeats_are_taken_for_news(patch: pytest.MonkeyPatch) -> None:
    def credulous(through_seq: int, upload: Upload) -> Verdict:
        return Verdict(accepted=True, duplicate=False, missing=0, through_seq=upload.seq)

    patch.setattr(ingest, "judge", credulous)


def samples_are_acknowledged_before_they_are_written(patch: pytest.MonkeyPatch) -> None:
    honest = ArchiveNode.take_effects

    def take_effects(self: ArchiveNode) -> list[Effect]:
        return sorted(honest(self), key=lambda one: isinstance(one, Persist | Erase | Keep))

    patch.setattr(ArchiveNode, "take_effects", take_effects)
    patch.setattr(simulation, "ArchiveConfig", partial(ArchiveConfig, ack_period_ns=0))


def repeated_samples_are_taken_for_news(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Ranges, "covers", lambda self, first, last: False)


def holes_are_closed_at_once(patch: pytest.MonkeyPatch) -> None:
    honest = archive_streams.heard

    def heard(stream: archive_streams.Stream, upload: Upload) -> None:
        honest(stream, upload)
        stream.kept.add(1, upload.seq)

    patch.setattr(archive_intake, "heard", heard)


def old_leaders_are_obeyed(patch: pytest.MonkeyPatch) -> None:
    honest, accept = commands.Commands.refusal, commands.Commands.accept

    def refusal(self: commands.Commands, received: Received, site_ns: int | None) -> str | None:
        fence, self.epoch = self.epoch, 0
        try:
            return honest(self, received, site_ns)
        finally:
            self.epoch = fence

    def raise_only(self: commands.Commands, epoch: int) -> None:
        accept(self, max(epoch, self.epoch))

    patch.setattr(commands.Commands, "refusal", refusal)
    patch.setattr(commands.Commands, "accept", raise_only)


def old_commands_are_obeyed(patch: pytest.MonkeyPatch) -> None:
    honest = commands.Commands.refusal

    def refusal(self: commands.Commands, received: Received, site_ns: int | None) -> str | None:
        reason = honest(self, received, site_ns)
        return None if reason == "expired" else reason

    patch.setattr(commands.Commands, "refusal", refusal)


def late_holds_are_obeyed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(HoldSwitch, "is_superseded", lambda self, epoch, turn: False)


def results_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(commands.Commands, "first_reply", lambda self, command: None)


def tags_are_on_neither_disk(patch: pytest.MonkeyPatch) -> None:
    """Take both away: either end alone keeps a locked machine where it is, or locks it again."""
    lock, restore = lockout.lock, StopLatch.restore

    def forgetful(ctx: Context, node: NodeEntry, *rest: object) -> tuple[bool, str]:
        answer = lock(ctx, node, *rest)  # type: ignore[arg-type]
        node.lockout = None
        return answer

    patch.setattr(lockout, "lock", forgetful)
    patch.setattr(lockout, "_adopt", lambda ctx, node, name: None)
    patch.setattr(
        StopLatch, "restore", lambda self, row: row.table == LOCK_TABLE or restore(self, row)
    )


def driving_by_hand_takes_no_ground(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lockout, "chains", lambda node: [])


def an_area_is_ready_whoever_is_in_it(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(draining, "_others_in", lambda occupancy, node, area: [])


def one_other_takes_a_tag_off(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lockout, "OTHERS_MIN", 1)


def locked_out_is_shown_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(draining, "_missing", lambda occupancy, node, kept, hanging: [])


def forgeries_are_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Keyring, "verifies", lambda self, key, message, signature: True)


def earth_is_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(backlog, "needs_word", lambda entry: False)


def a_decision_is_not_journaled(patch: pytest.MonkeyPatch) -> None:
    honest = SchedulerNode._take

    def take(self: SchedulerNode, taken: object, *rest: object, **more: object) -> None:
        honest(self, taken, *rest, **more)  # type: ignore[arg-type]
        if isinstance(taken, Placed):
            self.core.state.interventions += 1

    patch.setattr(SchedulerNode, "_take", take)


def a_silent_machine_hinders_no_clearing(patch: pytest.MonkeyPatch) -> None:
    honest = draining._occupants

    def occupants(ctx: Context, occupancy: Occupancy, closure: Closure) -> list[NodeEntry]:
        inside = honest(ctx, occupancy, closure)
        return [node for node in inside if node.presence is Presence.UP]

    patch.setattr(draining, "_occupants", occupants)


def a_zone_is_clear_when_nobody_stands_in_it(patch: pytest.MonkeyPatch) -> None:
    """Forget who may still come in by what was granted before."""

    def occupants(ctx: Context, occupancy: Occupancy, closure: Closure) -> list[NodeEntry]:
        machines = [node for node in ctx.state.nodes.values() if ctx.is_machine(node.name)]
        return [node for node in machines if closures.stands_in(ctx, node, closure)]

    patch.setattr(draining, "_occupants", occupants)


def closed_zones_bar_no_way(patch: pytest.MonkeyPatch) -> None:
    """And nobody is sent out, since the way out could lead to another closed zone."""
    patch.setattr(closures, "chains", lambda ctx: [])
    patch.setattr(trips_out, "send_out", lambda ctx, node, closure: None)


def machines_stop_on_ramps(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(reach, "_past_sections", lambda found, station_m: station_m)
    patch.setattr(reach, "_before_sections", lambda found, station_m: station_m)


def bodies_hang_in_ramps(patch: pytest.MonkeyPatch) -> None:
    honest = reach.sections

    def sections(
        ground: GroundMap, path: Path, length_m: float, half_width_m: float
    ) -> reach.Sections:
        return honest(ground, path, length_m, 0.0)

    patch.setattr(reach, "sections", sections)


def a_lease_counts_from_its_coming(patch: pytest.MonkeyPatch) -> None:
    honest = leasing.Leasing.refusal

    def refusal(self: leasing.Leasing, grant: Grant, sample: Sample, now_ns: int) -> str | None:
        if self.asked is not None:
            self.asked = replace(self.asked, sent_ns=now_ns)
        return honest(self, grant, sample, now_ns)

    patch.setattr(leasing.Leasing, "refusal", refusal)


def set_points_never_die(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Setpoint, "live", lambda self, now_ns: self.order)
    patch.setattr(Setpoint, "expire", lambda self, now_ns: False)


def a_clock_errs_no_more_as_time_passes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SiteClock, "_growth_ns", lambda self, since_ns, now_ns: 0)


def any_addressee_will_do(patch: pytest.MonkeyPatch) -> None:
    honest = commands.Commands.refusal_of_word

    def refusal_of_word(self: commands.Commands, received: Received) -> str | None:
        header = replace(received.header, to=self._node)
        return honest(self, replace(received, header=header))

    patch.setattr(commands.Commands, "refusal_of_word", refusal_of_word)


def stops_are_passed_over(patch: pytest.MonkeyPatch) -> None:
    honest = Pilot.settle

    def settle(self: Pilot, world: World, now_ns: int) -> None:
        honest(self, replace(world, stopped=False), now_ns)

    patch.setattr(Pilot, "settle", settle)
    patch.setattr(Duties, "stop", lambda self, stop, frame, now_ns: None)


def one_word_proves_a_task_lost(patch: pytest.MonkeyPatch) -> None:
    honest = backlog.reconcile

    def reconcile(ctx: Context, node: NodeEntry, situation: Situation) -> None:
        honest(ctx, node, replace(situation, spool_count=0))

    patch.setattr(backlog, "EMPTY_HANDED_MAX", 1)
    patch.setattr(presence, "reconcile", reconcile)


def unknown_authorities_are_passed_over(patch: pytest.MonkeyPatch) -> None:
    honest = claims.settle

    def settle(ctx: Context, node: NodeEntry, situation: Situation) -> bool:
        known = None if node.granted is None else node.granted.id
        is_unknown = situation.authority is not None and situation.authority.id != known
        return is_unknown or honest(ctx, node, situation)

    patch.setattr(claims, "settle", settle)


def words_leave_before_they_are_written(patch: pytest.MonkeyPatch) -> None:
    honest = SchedulerNode.take_effects

    def take_effects(self: SchedulerNode) -> list[Effect]:
        return sorted(honest(self), key=lambda one: isinstance(one, Persist | Erase | Archive))

    patch.setattr(SchedulerNode, "take_effects", take_effects)


def every_battery_is_taken_for_full(patch: pytest.MonkeyPatch) -> None:
    honest = outlook._machine

    def machine(name: NodeId, outset: Outset, standing: Standing) -> Machine:
        full_wh = standing.spec.battery_wh
        outset = outset._replace(charge_wh=full_wh)
        full_j = int(full_wh * SECONDS_PER_HOUR)
        return replace(honest(name, outset, standing), battery_j=full_j)

    patch.setattr(outlook, "_machine", machine)
    patch.setattr(claims, "_budget", lambda ctx, node: None)


def what_is_to_be_given_back_is_free_at_once(patch: pytest.MonkeyPatch) -> None:
    honest = conflicts._shorten_before

    def shorten_before(
        ctx: Context, claim: tuple[Chain, ...], node: NodeEntry, granted: Granted
    ) -> bool:
        is_asked = honest(ctx, claim, node, granted)
        if is_asked:
            granted.stop_m = granted.passed_m
        return is_asked

    patch.setattr(conflicts, "_shorten_before", shorten_before)


def renewals_undo_shortenings(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(claims, "_renewed_stop_m", lambda granted: granted.stop_m)


def shortenings_are_answered_and_not_obeyed(patch: pytest.MonkeyPatch) -> None:
    def shortened(lease: Lease, shorten: Shorten, *_: object) -> Lease:
        return replace(lease, revision=shorten.revision)

    patch.setattr(leasing.authority, "shortened", shortened)


def who_may_still_move_is_vouched_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(vouch, "_lease_end_ns", lambda ctx, node: 0)


def late_answers_are_obeyed(patch: pytest.MonkeyPatch) -> None:
    """Take a renewal or a deferral, of which nothing is kept, however late."""
    honest = commands.Commands.refusal

    def refusal(self: commands.Commands, received: Received, site_ns: int | None) -> str | None:
        reason = honest(self, received, site_ns)
        is_answer = isinstance(received.body, Renew | Defer)
        return None if reason == "expired" and is_answer else reason

    patch.setattr(commands.Commands, "refusal", refusal)


def where_a_machine_was_carried_is_not_learnt(patch: pytest.MonkeyPatch) -> None:
    """Keep the place where a machine came to rest, whatever it says later."""
    honest = claims.settle

    def settle(ctx: Context, node: NodeEntry, situation: Situation) -> bool:
        body = node.body
        placed = honest(ctx, node, situation)
        if body is not None and node.granted is None:
            node.body = body
        return placed

    patch.setattr(claims, "settle", settle)


def nobody_works(patch: pytest.MonkeyPatch) -> None:
    assign = Pilot.assign

    def refuse(pilot: Pilot, task: Assign, now_ns: int) -> None:
        assign(pilot, task, now_ns)
        if any(leg.tool or leg.goal for leg in task.legs):
            pilot._finish(TaskOutcome.FAILED, "no wish to", now_ns)

    patch.setattr(Pilot, "assign", refuse)


def a_bad_pose_stops_nobody(patch: pytest.MonkeyPatch) -> None:
    """On neither side: the scheduler grants nothing to such a machine, and it doesn't drive."""
    honest = Pilot._facts

    def facts(self: Pilot, world: World, now_ns: int) -> Facts:
        return replace(honest(self, world, now_ns), pose_good=True)

    patch.setattr(Pilot, "_facts", facts)
    patch.setattr(claims, "_is_lost", lambda ctx, node: False)


def nothing_is_in_the_way(patch: pytest.MonkeyPatch) -> None:
    """Blind the controllers: the last line before two bodies touch."""
    patch.setattr(Controlled, "_hindrance", lambda self, order: None)
    patch.setattr(Controlled, "_turn_touches", lambda self, body: False)
