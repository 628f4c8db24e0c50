"""An operator's hold: one durable switch."""

from lunaredge.agent.outlet import Outlet
from lunaredge.node import Row

TABLE = "hold"
_OFF = b"\x00"
_ON = b"\x01"


class HoldSwitch:
    """Whether an operator's hold is in force."""

    def __init__(self, outlet: Outlet) -> None:
        self.held = False
        self._outlet = outlet

    def put(self, *, held: bool) -> None:
        """Begin or end the hold, durably."""
        if held is not self.held:
            self.held = held
            self._outlet.persist(TABLE, "", 0, _ON if held else _OFF)

    def restore(self, row: Row) -> bool:
        """Take back the row; tell whether it was whole. A damaged one holds."""
        self.held = row.value != _OFF
        return row.value in (_ON, _OFF)
