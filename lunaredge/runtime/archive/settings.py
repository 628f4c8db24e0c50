"""How an archive keeps its folder; fixed for the life of its process."""

import msgspec

from lunaredge.runtime.archive.names import PARTS_MAX
from lunaredge.units import NS_PER_S

_MIB = 1024 * 1024
# A row of one channel of one byte takes that much of a segment, and its time.
_ROW_BYTES_MIN = 9


class ArchiveSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What bounds an archive; each field with its unit, its range and its reason."""

    segment_bytes_max: int = 256 * _MIB
    """Bytes, 1 to 1 GiB. What is settled in one go: the more rows of a node lie together, the less
    each costs (at 1,000 nodes and 10 Hz, 256 MiB are 3,000 rows of each); a start reads it."""
    segment_entries_max: int = 200_000
    """Entries, 1 to 2,000,000. The index of a segment is held in memory: some 400 bytes each."""
    segment_age_s_max: float = 900.0
    """s, 1 to 86,400. A small site settles each quarter of an hour: 96 blocks of a channel
    in a day."""
    unsettled_bytes_max: int = 2048 * _MIB
    """Bytes, 1 to 1 TiB. If settling lags so far, commits are refused and the senders keep what
    they have; at 1,000 nodes more than half an hour."""
    gather_bytes_max: int = 8 * _MIB
    """Bytes, 1 to 256 MiB. So much of a node's log is turned into columns at a time; memory is
    some six times that."""
    block_rows_max: int = 8192
    """Rows, 1 to 65,536; with large segments no few. A longer block costs a reader of one minute
    more than it saves."""
    raw_days: int = 30
    """Days, 1 to 36,500. Samples older than that expire, a whole UTC day at a time."""
    minutes_days: int = 400
    """Days, 1 to 36,500. Roll-ups by the minute expire a month at a time: a year can be compared
    with the one before. Those by the hour are kept for ever."""
    raw_bytes_max: int = 0
    """Bytes of day files over which the oldest samples expire before their time; 0 for no bound.
    Roll-ups never expire for want of room: they are a fiftieth of the samples."""
    touch_s: float = 1.0
    """s, 0 to 60. Two stretches of one stream that lie nearer to each other are told as one: a
    clock that is set right moves by less."""

    def __post_init__(self) -> None:
        """Check what would stop an archive in the midst of its life."""
        assert 1 <= self.segment_bytes_max <= 1024 * _MIB, self.segment_bytes_max
        assert 1 <= self.gather_bytes_max <= 256 * _MIB, self.gather_bytes_max
        assert 1 <= self.block_rows_max <= 65_536, self.block_rows_max
        # Rows of a day are numbered by their part, and a node may be alone in a segment.
        parts = self.segment_bytes_max // _ROW_BYTES_MIN // self.block_rows_max
        assert parts < PARTS_MAX // 2, f"{parts} parts of a segment"

    @property
    def touch_ns(self) -> int:
        """The same in nanoseconds."""
        return round(self.touch_s * NS_PER_S)
