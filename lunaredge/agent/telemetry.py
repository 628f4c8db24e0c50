"""Telemetry: rows of what changed, and batches of packed columns.

Owns what was said of each channel last. Rows are kept by the local clock and stamped with site
time when they are packed, so that those from before site time was known are not lost; too many of
those, and the oldest are folded into the next and counted. A batch begins where the last one
ended, and is made even when nothing changed: who has every batch knows that nothing is missing.
Time in which no row was looked at, as of a board that slept or hung, is in no batch.
"""

import math
from collections import deque
from collections.abc import Mapping
from operator import attrgetter

import msgspec

from lunaredge.agent import channels
from lunaredge.agent.clock import SiteClock
from lunaredge.units import NS_PER_S
from lunaredge.wire.driver import Sample
from lunaredge.wire.policy import ChannelPolicy
from lunaredge.wire.telemetry import Samples, Series, Telemetry, fits, pack, table_of

# Stands for "no value now"; unlike NaN it is equal to itself.
NO_VALUE = math.inf
# Two estimates of site time by a node that works are no farther apart. Farther is another time.
_STEP_NS_MAX = 10 * NS_PER_S
_NEVER_NS = -(2**63)
# No row looked at for so long, or for three periods of rows: what was between them nobody knows.
# Shorter, a node that is merely slow would leave holes everywhere.
_UNSEEN_NS_MIN = 60 * NS_PER_S
_UNSEEN_ROWS = 3


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What the agent knows of itself."""

    tasks_count: int
    progress_ratio: float
    spool_count: int
    spool_bytes: int
    refused_count: int
    rebirths_count: int
    clock_error_s: float
    """`NO_VALUE` while site time is not known."""
    lease_left_s: float
    """`NO_VALUE` without a lease."""


# Channels are named after the fields that they show.
_measured = attrgetter(*(kind.name for kind in channels.OF_MACHINE))
_known = attrgetter(*(kind.name for kind in channels.OF_AGENT))
_UNHEARD = (NO_VALUE,) * len(channels.OF_MACHINE)


class _Row(msgspec.Struct):
    local_ns: int
    changes: dict[int, float]
    """By the channel's place in the table."""


class Rows:
    """Rows that are not uploaded yet."""

    def __init__(
        self,
        rows_max: int,
        policies: Mapping[str, ChannelPolicy] | None = None,
        *,
        is_machine: bool,
        row_period_ns: int = 0,
    ) -> None:
        assert rows_max >= 1
        self.channels = channels.table(is_machine=is_machine)
        self.table = table_of(self.channels)
        self.dropped_count = 0
        """Rows that made room before site time was known."""
        self._rows_max = rows_max
        self._is_machine = is_machine
        self._rows: deque[_Row] = deque()
        self._begun_ns: int | None = None
        """Local time from which on nothing was told yet."""
        self._looked_ns: int | None = None
        """Local time of the last look at a row."""
        self._unseen_ns_max = max(_UNSEEN_NS_MIN, _UNSEEN_ROWS * row_period_ns)
        self._told_ns: int | None = None
        """Site time at which the last batch ended."""
        self._dtypes = [channel.dtype for channel in self.channels]
        self._said = [math.nan] * len(self.channels)
        self._soonest_ns = [_NEVER_NS] * len(self.channels)
        self._again_ns = [_NEVER_NS] * len(self.channels)
        self.follow(channels.policies(policies, is_machine=is_machine))

    @property
    def full(self) -> bool:
        """Whether another row would need room."""
        return len(self._rows) >= self._rows_max

    def was_away(self, now_ns: int) -> bool:
        """Tell whether nothing was looked at for so long that nobody knows what was."""
        return self._looked_ns is not None and now_ns - self._looked_ns > self._unseen_ns_max

    def follow(self, policies: Mapping[str, ChannelPolicy]) -> None:
        """Go by these policies, one for each channel, from the next row on, which says all."""
        self._gates = channels.gates(policies, is_machine=self._is_machine)
        self._deadbands = [gate.deadband for gate in self._gates]
        self.say_all()

    def say_all(self) -> None:
        """Have the next row hold every channel."""
        self._again_ns = [_NEVER_NS] * len(self.channels)

    def add(self, sample: Sample | None, health: Health, now_ns: int) -> int:
        """Take a row of what is worth saying; a machine that is not heard has no values.

        Give how many values of the machine were no numbers, and were said to be none.
        """
        self._looked_ns = now_ns
        if self._begun_ns is None:
            self._begun_ns = now_ns
        values: tuple[float, ...] = _known(health)
        if self._is_machine:
            values = (*(_UNHEARD if sample is None else _measured(sample)), *values)
        heard_count = 0 if sample is None or not self._is_machine else len(_UNHEARD)
        said, again_ns, deadbands = self._said, self._again_ns, self._deadbands
        changes: dict[int, float] = {}
        blanked_count = 0
        for index, value in enumerate(values):
            # Most values end here; equal ones first, since infinity less itself is no number.
            if now_ns < again_ns[index] and (
                value == said[index] or abs(value - said[index]) <= deadbands[index]
            ):
                continue
            worth = self._worth(index, value, now_ns)
            if worth is not None:
                blanked_count += worth == NO_VALUE != said[index] and index < heard_count
                self._say(index, worth, now_ns)
                changes[index] = worth
        if changes:
            self._append(_Row(now_ns, changes))
        return blanked_count

    def forget_times(self) -> None:
        """Learn that the local clock was wrong: what it has stamped has no time any more."""
        self.dropped_count += len(self._rows)
        self._rows.clear()
        self._begun_ns = self._looked_ns = None
        self.say_all()

    def pack(self, clock: SiteClock, now_ns: int) -> tuple[Telemetry, int] | None:
        """Give a batch and its count of rows; None while site time is not known.

        After a time of which nobody knows it ends before that, and the next one begins anew.
        """
        site_ns = clock.site_ns(now_ns)
        if site_ns is None or self._begun_ns is None:
            return None
        shift_ns = site_ns - now_ns
        if not self.was_away(now_ns):
            return self._packed(shift_ns, now_ns)
        assert self._looked_ns is not None
        packed = self._packed(shift_ns, max(self._looked_ns, self._begun_ns))
        self._begun_ns = self._told_ns = self._looked_ns = None
        self.say_all()
        return packed

    def _packed(self, shift_ns: int, through_ns: int) -> tuple[Telemetry, int] | None:
        """Give what was seen through a local time as a batch; None for no time at all."""
        assert self._begun_ns is not None
        start_ns = self._start_ns(self._begun_ns + shift_ns)
        end_ns = max(start_ns, through_ns + shift_ns)
        if not self._rows and end_ns == start_ns:
            return None
        times_ns = [max(start_ns, row.local_ns + shift_ns) for row in self._rows]
        samples = Samples(times_ns, *self._columns())
        batch = pack(self.channels, samples, (start_ns, end_ns), self.table)
        self._begun_ns, self._told_ns = through_ns, end_ns
        self._rows.clear()
        return batch, len(times_ns)

    def _worth(self, index: int, value: float, now_ns: int) -> float | None:
        """Give a value that is due or has changed as it is to be said, or None for not now."""
        is_due = now_ns >= self._again_ns[index]
        if not fits(self._dtypes[index], value):
            # That there is none any more is told at once: an old value must not look fresh.
            return NO_VALUE if is_due or self._said[index] != NO_VALUE else None
        return value if is_due or now_ns >= self._soonest_ns[index] else None

    def _say(self, index: int, value: float, now_ns: int) -> None:
        gate = self._gates[index]
        self._said[index] = value
        self._soonest_ns[index] = now_ns + gate.period_ns_min
        self._again_ns[index] = now_ns + gate.period_ns_max

    def _append(self, row: _Row) -> None:
        """Keep a row; one that must make room leaves what it says to the next."""
        self._rows.append(row)
        if len(self._rows) > self._rows_max:
            oldest = self._rows.popleft()
            self._rows[0].changes = oldest.changes | self._rows[0].changes
            self.dropped_count += 1

    def _start_ns(self, begun_ns: int) -> int:
        """Give where the batch begins in site time: as a rule where the last one ended."""
        told_ns = self._told_ns
        if told_ns is None or abs(told_ns - begun_ns) > _STEP_NS_MAX:
            return begun_ns
        return told_ns

    def _columns(self) -> tuple[list[Series], list[tuple[int, int]]]:
        rows: list[list[int]] = [[] for _ in self.channels]
        values: list[list[float]] = [[] for _ in self.channels]
        blanks: list[tuple[int, int]] = []
        for number, row in enumerate(self._rows):
            for index, value in row.changes.items():
                if value == NO_VALUE:
                    blanks.append((number, index))
                else:
                    rows[index].append(number)
                    values[index].append(value)
        return [Series(*both) for both in zip(rows, values, strict=True)], blanks
