"""The archive's fixed configuration; units in the names, reasons beside the figures."""

from collections.abc import Mapping

import msgspec

from lunaredge.ids import NodeId, SiteId
from lunaredge.model.limits import ChannelLimits
from lunaredge.units import NS_PER_S

_DAY_NS = 86_400 * NS_PER_S


class ArchiveConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the archive is told once, for its life."""

    site: SiteId
    limits: Mapping[NodeId, Mapping[str, ChannelLimits]] = {}
    """Limits of channels, by node and channel: live values out of them raise alarms."""
    commit_period_ns: int = NS_PER_S // 5
    """What came in so long goes to the disk in one go. A fifth of a second more until a sample is
    safe costs a board nothing; a sync for each upload would be the price of everything."""
    commit_bytes_max: int = 4 * 1024 * 1024
    """Over this it goes at once: memory stays flat whatever arrives."""
    ack_period_ns: int = 5 * NS_PER_S
    """A sender with nothing but the newest under way is answered at least this often."""
    under_way_max: int = 2_048
    """Bulk uploads of the whole fleet that may be under way while it drains."""
    drain_uploads_per_s: float = 1_500.0
    """Uploads of a backlog that are taken in a second: about half of what two cores take with the
    load beside them (2,770/s, November 2026); the other half is for live telemetry, alarms and
    commands."""
    late_after_ns: int = 180 * NS_PER_S
    """What speaks of a time longer ago is backfill: it is kept, and it raises no alarm. A batch a
    minute, its repetition after 20 s and a busy link stay within."""
    ahead_ns_max: int = 60 * NS_PER_S
    """No honest clock of a board is ahead by more: it stands still at 5 s."""
    behind_ns_max: int = 400 * _DAY_NS
    """Older than this, a time is a wrong clock and no backlog."""
    rebirth_period_ns: int = 10 * NS_PER_S
    """A node whose table is not known is asked for it so often."""
    quarantine_bytes_max: int = 16 * 1024 * 1024
    """Bytes kept in a day of what can't be believed, of one node; of more only the count."""
    summary_period_ns: int = 600 * NS_PER_S
    """One summary of a node and period goes toward Earth instead of its samples."""
    feed_bytes_max: int = 64 * 1024 * 1024
    """What may wait for the gateway and the scheduler."""
    answers_per_s_max: int = 50
    """Questions that are answered in a second; one costs as much as an upload."""
    resend_ns: int = 10 * NS_PER_S
    """Twice the time a busy link takes to answer."""
    view_period_ns: int = 30 * NS_PER_S
    """How often the view of the intake is made."""
