"""A site in the middle of things: grader-1 asks for a way, has been granted it, is driving it."""

import math

from lunaredge.ids import BootId, NodeId
from lunaredge.model.polyline import part_of
from lunaredge.scheduler import space
from lunaredge.wire import messages
from tests.scheduler import plain_site
from tests.scheduler.rig import Site


def driving(*, taken: bool = True, **settings: object) -> tuple[Site, messages.Grant]:
    """A site on which grader-1 has been granted the way to its first pass."""
    site = Site(**settings)
    site.census()
    grant = led_off(site)
    if taken:
        site.reply("grader-1", grant.command)
    return site, grant


def led_off(site: Site) -> messages.Grant:
    """Have grader-1 granted the way to its first pass."""
    sent_off(site)
    site.solve()
    return site.last(messages.Grant)


def sent_off(site: Site) -> None:
    """Have grader-1 take a task, and ask for the way to its first pass."""
    site.submit(plain_site.order(plain_site.grade(only_on=(NodeId("grader-1"),))))
    site.solve()
    site.reply("grader-1", site.assignment("grader-1").command)
    site.report("grader-1", "grade-pad", "accepted", 1)
    site.request("grader-1", 1)


def held(
    grant: messages.Grant, released_m: float, *, at_stop: bool = False, station_m: float = 0.0
) -> dict[str, object]:
    """What a node says that drives on a grant."""
    authority = messages.HeldAuthority(
        id=grant.authority,
        released_m=released_m,
        stop_m=grant.stop_m,
        revision=grant.revision,
        at_stop=at_stop,
        station_m=station_m,
    )
    here_m = grant.stop_m if at_stop else max(released_m, station_m)
    x_m, y_m = part_of(grant.path, here_m, here_m)[0]
    task = {"task": "grade-pad", "attempt": 1}
    return {"authority": authority, "at_rest": at_stop, "x_m": x_m, "y_m": y_m} | task


def on_the_way(grant: messages.Grant, station_m: float) -> dict[str, object]:
    """What a machine says that is there on a path that it gives nothing back of."""
    return held(grant, 0.0, station_m=station_m)


def granted_part(grant: messages.Grant) -> tuple[tuple[float, float], ...]:
    """The way up to the stop point."""
    return part_of(grant.path, 0.0, grant.stop_m)


def blocked_m(site: Site, point: tuple[float, float]) -> float:
    """How far a point is from everything grader-1 may occupy; negative inside."""
    node = site.scheduler.core.state.nodes[NodeId("grader-1")]
    gaps = []
    for chain in space.claim(site.scheduler.core.ctx, node):
        ends = list(zip(chain.points, chain.points[1:], strict=False)) or [chain.points * 2]
        gaps += [segment_m(point, a, b) - chain.half_width_m for a, b in ends]
    return min(gaps)


def segment_m(p: tuple[float, float], a: tuple[float, float], b: tuple[float, float]) -> float:
    length2 = (b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2
    along = ((p[0] - a[0]) * (b[0] - a[0]) + (p[1] - a[1]) * (b[1] - a[1])) / (length2 or 1.0)
    along = min(1.0, max(0.0, along))
    return math.dist(p, (a[0] + along * (b[0] - a[0]), a[1] + along * (b[1] - a[1])))


def asking() -> Site:
    """A site on which grader-1 has been granted a way and has not said whether it took it."""
    site = requesting()
    site.solve()
    return site


def requesting() -> Site:
    """A site on which a way for grader-1 is being planned."""
    site = Site()
    site.census()
    sent_off(site)
    return site


def reborn(site: Site, **changes: object) -> None:
    """Grader-1 starts again and says where it is."""
    site.node_boots[NodeId("grader-1")] = BootId(900)
    word = site.situation("grader-1", **changes)
    site.say("grader-1", messages.Birth(kind="x", situation=word))


def beat(situation: messages.Situation) -> messages.Heartbeat:
    return messages.Heartbeat(situation=situation)


def renewed(site: Site, grant: messages.Grant, number: int = 2) -> messages.Renew:
    site.say("grader-1", messages.AuthorityRenewal(request_no=number, authority=grant.authority))
    return site.last(messages.Renew)
