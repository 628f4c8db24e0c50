"""Collision-free paths: exact checks, continuous in time, and the planners that search with them.

A library: it knows no scheduler, no wire and no files. See docs/how-to/check-and-plan-routes.md.
"""

from lunaredge.paths.footprint import Footprint, Part
from lunaredge.paths.route import Pose, Route
from lunaredge.paths.verdict import Free, Kind, Verdict, Violation

__all__ = ["Footprint", "Free", "Kind", "Part", "Pose", "Route", "Verdict", "Violation"]
