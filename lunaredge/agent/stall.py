"""Notices that something which may go on doesn't."""


class StallWatch:
    """Remembers when progress was last seen. Times are local."""

    def __init__(self, stall_ns: int) -> None:
        self._stall_ns = stall_ns
        self._mark: object = None
        self._since_ns = 0

    def restart(self, now_ns: int) -> None:
        """Begin to wait now: something new was begun, or it was not permitted to go on."""
        self._since_ns = now_ns

    def progressed(self, mark: object, now_ns: int) -> None:
        """Take a mark of progress; any that differs from the last one counts."""
        if mark != self._mark:
            self._mark = mark
            self._since_ns = now_ns

    def is_stalled(self, now_ns: int) -> bool:
        """Tell whether there was no progress for too long."""
        return now_ns - self._since_ns >= self._stall_ns


class Patience:
    """How long a machine has stood before something that it can't pass. Times are local."""

    def __init__(self, wait_ns: int) -> None:
        self.end_ns: int | None = None
        """When it has been long enough; None while nothing is in the way."""
        self._wait_ns = wait_ns

    def ends(self, now_ns: int) -> bool:
        """Wait on, or begin to; tell whether it was long enough."""
        if self.end_ns is None:
            self.end_ns = now_ns + self._wait_ns
        return now_ns >= self.end_ns

    def restart(self) -> None:
        """Wait no more, until something is in the way again."""
        self.end_ns = None
