"""What a tool does to the ground while its machine drives: scan, blade or roll, strip by strip.

It follows the true pose, behind the machine's centre line. It knows no zones: `ground` does.
"""

from typing import assert_never

from lunaredge.machine.grid import Strip
from lunaredge.machine.ground import Ground
from lunaredge.machine.kinematics import Drive
from lunaredge.model.task import Tool

# Half a cell: shorter strips cost more and find no more cells.
STRIP_M = 0.5

ScanPoint = tuple[float, float, float]


class Sweep:
    """One tool's work along one track."""

    def __init__(self, tool: Tool, from_m: float, width_m: float, pass_no: int) -> None:
        self.tool = tool
        self.from_m = from_m
        self._half_width_m = 0.5 * width_m
        self._pass_no = pass_no
        self._last: tuple[float, float] | None = None

    def acts(self, drive: Drive) -> bool:
        """Whether the machine is where the tool is on the ground."""
        return drive.stretch is not None and drive.station_m >= self.from_m

    def go_on(self, drive: Drive, ground: Ground) -> list[ScanPoint]:
        """Treat the ground driven over since the last strip; returns what the scanner measured."""
        stretch = drive.stretch
        if stretch is None or not self.acts(drive):
            return []
        here = (drive.body.x_m, drive.body.y_m)
        if self._last is None:
            self._last = here
            return []
        back_m = (here[0] - self._last[0]) * stretch.ux + (here[1] - self._last[1]) * stretch.uy
        if back_m <= 0.0 or (back_m < STRIP_M and drive.speed_m_s > 0.0):
            return []
        self._last = here
        return self._treat(
            ground,
            Strip(
                x_m=here[0],
                y_m=here[1],
                ux=stretch.ux,
                uy=stretch.uy,
                back_m=back_m,
                half_width_m=self._half_width_m,
            ),
        )

    def _treat(self, ground: Ground, strip: Strip) -> list[ScanPoint]:
        match self.tool:
            case Tool.SCANNER:
                return ground.scan(strip, self._pass_no)
            case Tool.BLADE:
                ground.blade(strip)
            case Tool.ROLLER:
                ground.roll(strip)
            case _:
                assert_never(self.tool)
        return []
