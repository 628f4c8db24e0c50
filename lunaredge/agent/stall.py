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
