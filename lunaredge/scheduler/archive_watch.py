"""Whether the archive is there: it shows its work twice a minute, and is silent where it does not.

The site works on without it, and nodes keep their samples meanwhile, as long as their spools last:
so people must be told. Only what it comes to, silent or heard again, is an input of the core.
"""

from lunaredge.scheduler.context import Context
from lunaredge.scheduler.inputs import ArchiveSilence
from lunaredge.units import s_from_ns
from lunaredge.wire import topics

ALARM = "archive.silent"
_NEVER_NS = 2**62


class ArchiveWatch:
    """When the archive was last heard, and since when it could have been."""

    def __init__(self, silent_after_ns: int) -> None:
        self._silent_after_ns = silent_after_ns
        self._listening_since_ns: int | None = None
        self._heard_ns = 0
        self._made_ns = 0
        """When the newest view says that it was made: a broker gives the same one again."""

    def listen(self, now_ns: int) -> None:
        """Note that it can be heard from now on."""
        self._listening_since_ns = now_ns

    def stop_listening(self) -> None:
        """Note that it can't be heard, and so is not silent either."""
        self._listening_since_ns = None

    def hear(self, made_ns: int, now_ns: int) -> None:
        """Take its word. The first may have lain at the broker for long."""
        if made_ns > self._made_ns:
            self._heard_ns = now_ns if self._made_ns else min(made_ns, now_ns)
            # A clock that is ahead must not make all its words old once it is right again.
            self._made_ns = min(made_ns, now_ns)

    def news(self, ctx: Context, now_ns: int) -> ArchiveSilence | None:
        """Give what the core is to be told, if that has changed."""
        since_ns = self._listening_since_ns
        if since_ns is None:
            return None
        is_told = ctx.is_alarmed(topics.ARCHIVE, ALARM)
        if not is_told and now_ns >= self.due_ns(ctx):
            return ArchiveSilence(silent_ns=now_ns - max(self._heard_ns, since_ns))
        if is_told and now_ns < self._heard_ns + self._silent_after_ns:
            return ArchiveSilence(silent_ns=0)
        return None

    def due_ns(self, ctx: Context) -> int:
        """Give the time at which people are to be told, if nothing is heard until then."""
        since_ns = self._listening_since_ns
        if since_ns is None or ctx.is_alarmed(topics.ARCHIVE, ALARM):
            return _NEVER_NS
        return max(self._heard_ns, since_ns) + self._silent_after_ns


def take_silence(ctx: Context, *, silent_ns: int) -> None:
    """Raise the alarm after so long a silence, or take it back after none."""
    if silent_ns:
        text = (
            f"the archive has said nothing for {s_from_ns(silent_ns):.0f} s: nodes keep their"
            " samples in their spools until it is back; see that its process runs"
        )
        ctx.raise_alarm(topics.ARCHIVE, ALARM, text)
    else:
        ctx.clear_alarm(topics.ARCHIVE, ALARM)
