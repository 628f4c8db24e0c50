"""Protecting lines, each taken away: the simulator must notice within a few seeds.

Each protection gets the weather that it is for, so that a few seeds are enough.
"""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from lunaredge.agent import commands, leasing
from lunaredge.agent.hold import HoldSwitch
from lunaredge.agent.node import AgentNode
from lunaredge.agent.pace import Finding, Pace
from lunaredge.agent.stops import LOCK_TABLE, StopLatch
from lunaredge.scheduler import backlog, claims, ingest, lockout, presence, space
from lunaredge.scheduler.context import Context
from lunaredge.scheduler.inputs import Placed
from lunaredge.scheduler.node import SchedulerNode
from lunaredge.scheduler.paths import Chain
from lunaredge.scheduler.state import Granted, NodeEntry
from lunaredge.sim.options import FaultOptions, Options, WardenOptions, calm
from lunaredge.sim.run import run_seed
from lunaredge.sim.scenario import small
from lunaredge.units import NS_PER_S
from lunaredge.wire.codec import Received
from lunaredge.wire.messages import HeldAuthority, Upload
from lunaredge.wire.seal import Keyring
from lunaredge.wire.session import Verdict

SEEDS = range(1, 11)


def weather(**faults: float) -> Options:
    """Give a calm network with these faults, and authorities that don't last."""
    return replace(
        calm(), faults=FaultOptions(**faults), safety_s=1_500.0, authority_lifetime_s=120.0
    )


CALM = weather()
DOUBLES = replace(calm(), site=replace(calm().site, duplicate_ratio=0.3), safety_s=300.0)
ATTACKED = weather(inject_s=3.0, kill_scheduler_s=100.0, down_s_max=10.0)
BEREFT = replace(weather(kill_scheduler_s=60.0, down_s_max=400.0), authority_lifetime_s=40.0)
HASTY = replace(
    weather(interfere_s=15.0, haste_ratio=1.0),
    site=replace(calm().site, reorder_ratio=0.3, reorder_ns_max=60 * NS_PER_S),
    safety_s=600.0,
)
UNHEARD = weather(earth_outage_s=30.0, down_s_max=1_400.0)
GUARDED = replace(
    weather(kill_agent_s=30.0, down_s_max=10.0), wardens=WardenOptions(lockout_s=40.0)
)
SPLIT = weather(split_s=60.0, down_s_max=300.0)
PARTED = weather(cut_s=20.0, down_s_max=600.0)
FROZEN = weather(freeze_s=5.0, freeze_s_max=300.0)


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


def broken_clocks_are_trusted(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Pace, "take", lambda self, measured_ns, now_ns: Finding.ALIKE)
    patch.setattr(AgentNode, "_distrust", lambda self, why, now_ns: None)


def repeats_are_taken_for_news(patch: pytest.MonkeyPatch) -> None:
    def credulous(through_seq: int, upload: Upload) -> Verdict:
        return Verdict(accepted=True, duplicate=False, missing=0, through_seq=upload.seq)

    patch.setattr(ingest, "judge", credulous)
    patch.setattr(ingest, "_fresh_part", lambda upload, stream: upload)


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


def forgeries_are_believed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Keyring, "verifies", lambda self, key, message, signature: True)


def earth_is_not_waited_for(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(backlog, "needs_word", lambda entry: False)


def a_decision_is_not_journaled(patch: pytest.MonkeyPatch) -> None:
    honest = SchedulerNode._take

    def take(self: SchedulerNode, taken: object, *rest: object, **more: object) -> None:
        honest(self, taken, *rest, **more)  # type: ignore[arg-type]
        if isinstance(taken, Placed):
            self.core.state.version += 1

    patch.setattr(SchedulerNode, "_take", take)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mutate", "options", "expected"),
    [
        (everybody_else_is_forgotten, CALM, {"I1", "I3"}),
        (ground_is_freed_before_it_is_left, CALM, {"I1", "I2", "I3"}),
        (silence_frees_ground, PARTED, {"I3"}),
        (nobody_is_counted_before_a_grant, SPLIT, {"I1", "I2", "I3"}),
        (epochs_are_counted_on_by_one, SPLIT, {"I1", "I2", "I3", "I6"}),
        (leases_never_end, BEREFT, {"I2"}),
        (broken_clocks_are_trusted, FROZEN, {"I2", "I6"}),
        (repeats_are_taken_for_news, DOUBLES, {"I4"}),
        (old_leaders_are_obeyed, ATTACKED, {"I6"}),
        (old_commands_are_obeyed, ATTACKED, {"I6"}),
        (results_are_forgotten, ATTACKED, {"I6"}),
        (late_holds_are_obeyed, HASTY, {"I7", "liveness"}),
        (tags_are_on_neither_disk, GUARDED, {"lockout"}),
        (forgeries_are_believed, ATTACKED, {"I6"}),
        (earth_is_not_waited_for, UNHEARD, {"I7"}),
        (a_decision_is_not_journaled, CALM, {"I9"}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_missing_protection_is_found(
    mutate: Callable[[pytest.MonkeyPatch], None],
    options: Options,
    expected: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mutate(monkeypatch)

    failures = (run_seed(seed, small(), options).failure for seed in SEEDS)
    found = next((failure.split(":")[0] for failure in failures if failure), "")

    assert found in expected
