"""A sound order, its site and its fleet, for the tests of what makes one unsound."""

import msgspec

from lunaredge.model.fleet import Capability
from lunaredge.model.site import ZoneKind
from lunaredge.model.task import TaskKind
from lunaredge.scheduler.ground import GroundMap
from tests.scheduler import sites

SITE = sites.site(
    sites.zone("pad", sites.box(20.0, 20.0, 40.0, 30.0)),
    sites.zone("pit", sites.box(-60.0, 0.0, -50.0, 7.0)),
    sites.zone("spoil", sites.box(-40.0, 0.0, -35.0, 5.0)),
    sites.zone("berm", sites.box(60.0, -60.0, 70.0, -55.0)),
    sites.zone("haven", sites.box(-80.0, 60.0, -60.0, 80.0), ZoneKind.HAVEN),
    sites.zone("crater", sites.box(-10.0, -80.0, 10.0, -60.0), ZoneKind.KEEP_OUT),
    sites.zone("rim", sites.box(10.0, -80.0, 30.0, -60.0)),
    sites.zone("around", sites.box(-12.0, -82.0, 12.0, -58.0)),
    sites.zone("far", sites.box(80.0, 0.0, 120.0, 10.0)),
)
GROUND = GroundMap.of(SITE)
FLEET = sites.fleet(
    sites.node("scout-1", Capability.SURVEY),
    sites.node("dozer-1", Capability.GRADE, Capability.COMPACT),
    sites.node("digger-1", Capability.EXCAVATE),
    sites.node("hauler-1", Capability.HAUL),
    sites.computer(),
)
SURVEY = sites.task("look", TaskKind.SURVEY, zone="pad")
GRADE = sites.task("level", TaskKind.GRADE, zone="pad")
DIG = sites.task(
    "dig", TaskKind.EXCAVATE, zone="pit", pile="spoil", mass_kg=900.0, stand=(-45.0, 3.0)
)
HAUL = sites.task(
    "haul",
    TaskKind.HAUL,
    pile="spoil",
    to_pile="berm",
    stand=(-30.0, 3.0),
    to_stand=(65.0, -50.0),
)
FUSE = sites.task("fuse", TaskKind.FUSE_TERRAIN, after=("look",))
SOUND = (SURVEY, GRADE, DIG, HAUL, FUSE)


def changed(task, **fields):
    return msgspec.structs.replace(task, **fields)
