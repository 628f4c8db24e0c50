"""Protecting lines, each taken away: the simulator must notice within a few seeds."""

from collections.abc import Callable

import pytest

from lunaredge.scheduler import claims, ingest
from lunaredge.scheduler.state import Granted, NodeEntry
from lunaredge.sim.run import run_seed
from lunaredge.sim.scenario import standard
from lunaredge.wire.messages import Upload
from lunaredge.wire.session import Verdict

SEEDS = range(1, 6)


def invariants_broken() -> set[str]:
    """Run seeds until one fails; give what it says was broken."""
    for seed in SEEDS:
        outcome = run_seed(seed, standard())
        if not outcome.ok:
            return {outcome.failure.split(":")[0]}
    return set()


def everybody_else_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(claims, "claims_of_others", lambda ctx, node: ())


def ground_is_freed_before_it_is_left(patch: pytest.MonkeyPatch) -> None:
    def settle(node: NodeEntry, granted: Granted, released_m: float, *, at_stop: bool) -> None:
        granted.taken = True
        granted.released_m = claims.path_length_m(granted.path)
        node.body = granted.path[-1]

    patch.setattr(claims, "_settle_driving", settle)


def repeats_are_taken_for_news(patch: pytest.MonkeyPatch) -> None:
    def credulous(through_seq: int, upload: Upload) -> Verdict:
        return Verdict(accepted=True, duplicate=False, missing=0, through_seq=upload.seq)

    patch.setattr(ingest, "judge", credulous)
    patch.setattr(ingest, "_fresh_part", lambda upload, stream: upload)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mutate", "expected"),
    [
        (everybody_else_is_forgotten, {"I1", "I3"}),
        (ground_is_freed_before_it_is_left, {"I1", "I2", "I3"}),
        (repeats_are_taken_for_news, {"I4"}),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_missing_protection_is_found(
    mutate: Callable[[pytest.MonkeyPatch], None],
    expected: set[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mutate(monkeypatch)

    found = invariants_broken()

    assert found
    assert found <= expected
