"""Whether the archive is there: it shows its work twice a minute, and is silent where it does not.

The site works on without it, and nodes keep their samples meanwhile, as long as their spools last:
so people must be told. Only what it comes to, silent or heard again, is an input of the core.
"""

from lunaredge.ids import BootId
from lunaredge.scheduler.context import NEVER_NS, Context
from lunaredge.scheduler.inputs import ArchiveSilence
from lunaredge.units import s_from_ns
from lunaredge.wire import topics

ALARM = "archive.silent"


class ArchiveWatch:
    """For how long the archive could have been heard, and was not."""

    def __init__(self, silent_ns_max: int) -> None:
        """Make one that tells after so long a silence; never, with 0."""
        self._silent_ns_max = silent_ns_max
        self._since_ns: int | None = None
        """Since when it can be heard, or was; None while it can't."""
        self._before_ns = 0
        """How long it was silent until then, without the time in which it could not be heard."""
        self._is_heard = False
        self._newest = (BootId(0), 0)
        """Life and number of its newest word: a broker gives it again, and so may anybody."""
        self._apart_ns = 0
        """By how much that word was of another time than ours."""

    def listen(self, now_ns: int) -> None:
        """Note that it can be heard from now on."""
        self._since_ns = now_ns

    def stop_listening(self, now_ns: int) -> None:
        """Note that it can't be heard, and so is not silent either."""
        self._before_ns = self._silent_ns(now_ns)
        self._since_ns = None

    def hear(self, boot: BootId, number: int, made_ns: int, now_ns: int) -> None:
        """Take its word. One of another time may have lain at the broker, or is an old one."""
        if boot == self._newest[0] and number <= self._newest[1]:
            return
        self._newest, self._apart_ns = (boot, number), made_ns - now_ns
        if abs(self._apart_ns) < self._silent_ns_max and self._since_ns is not None:
            self._is_heard, self._since_ns, self._before_ns = True, now_ns, 0

    def news(self, ctx: Context, now_ns: int) -> ArchiveSilence | None:
        """Give what the core is to be told, if that has changed."""
        if self.due_ns(ctx) <= now_ns:
            is_apart = abs(self._apart_ns) >= self._silent_ns_max
            apart_ns = self._apart_ns if is_apart else 0
            return ArchiveSilence(silent_ns=self._silent_ns(now_ns), apart_ns=apart_ns)
        is_back = self._is_heard and self._silent_ns(now_ns) < self._silent_ns_max
        return ArchiveSilence(silent_ns=0) if is_back and ctx.state.archive_is_silent else None

    def due_ns(self, ctx: Context) -> int:
        """Give the time at which people are to be told, if nothing is heard until then."""
        if self._since_ns is None or ctx.state.archive_is_silent or not self._silent_ns_max:
            return NEVER_NS
        return self._since_ns + self._silent_ns_max - self._before_ns

    def _silent_ns(self, now_ns: int) -> int:
        passed_ns = 0 if self._since_ns is None else max(0, now_ns - self._since_ns)
        return self._before_ns + passed_ns


def take_silence(ctx: Context, silence: ArchiveSilence) -> None:
    """Raise the alarm after so long a silence, or take it back after none."""
    ctx.state.archive_is_silent = silence.silent_ns > 0
    if not ctx.state.archive_is_silent:
        ctx.clear_alarm(topics.ARCHIVE, ALARM)
        return
    text = (
        f"the archive has said nothing for {s_from_ns(silence.silent_ns):.0f} s: nodes keep their"
        " samples in their spools until it is back; see that its process runs"
    )
    if silence.apart_ns:
        apart_s = s_from_ns(abs(silence.apart_ns))
        way = "ahead of" if silence.apart_ns > 0 else "behind"
        text += f", and its clock: its last word was {apart_s:.0f} s {way} this one"
    ctx.raise_alarm(topics.ARCHIVE, ALARM, text)
