"""Points that the scanner measures during a leg, until they are a patch. Bounded by a patch."""

from lunaredge.wire.records import PATCH_POINTS_MAX

Point3 = tuple[float, float, float]

# Beyond any site; float32 has no centimetres left there. Comparing so also drops what is no number.
_COORDINATE_M_MAX = 1e6


class ScanLog:
    """Collects points of one leg."""

    def __init__(self) -> None:
        self._points: list[Point3] = []

    def add(self, points: tuple[Point3, ...]) -> list[list[Point3]]:
        """Take points; give the patches that are full. Points that can't be are left out."""
        self._points += [
            point for point in points if all(abs(value) <= _COORDINATE_M_MAX for value in point)
        ]
        patches = []
        while len(self._points) >= PATCH_POINTS_MAX:
            patches.append(self._points[:PATCH_POINTS_MAX])
            self._points = self._points[PATCH_POINTS_MAX:]
        return patches

    def flush(self) -> list[Point3]:
        """Give the rest, and begin anew; empty when there is none."""
        points, self._points = self._points, []
        return points
