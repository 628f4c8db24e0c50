"""Topic names, built and parsed in one place: ``lunaredge/v1/{site}/{node}/{channel}[/{detail}]``.

What travels on each, and who says it to whom, is in `topic_table`.
"""

from functools import lru_cache
from typing import NamedTuple

from lunaredge.ids import ClientId, NodeId, SiteId, is_name

ROOT = "lunaredge/v1"

SCHEDULER = NodeId("scheduler")
GATEWAY = NodeId("gateway")
EARTH = NodeId("earth")
ARCHIVE = NodeId("archive")
ALL = NodeId("all")
# The view in which the archive shows its work.
INTAKE = "intake"
# Whom a message is for that names nobody.
EVERYBODY = NodeId("")


class Topic(NamedTuple):
    """A parsed topic. ``detail`` is empty where the channel has none."""

    site: SiteId
    node: NodeId
    channel: str
    detail: str


def build(site: SiteId, node: NodeId, channel: str, detail: str = "") -> str:
    """Give the topic of a node's channel."""
    base = f"{ROOT}/{site}/{node}/{channel}"
    return f"{base}/{detail}" if detail else base


# A site has some ten topics for each node; who makes up others only pushes these out.
@lru_cache(maxsize=4_096)
def parse(topic: str) -> Topic | None:
    """Take a topic apart; None when it is not one of ours."""
    levels = topic.split("/")
    if len(levels) not in (5, 6) or levels[:2] != ROOT.split("/"):
        return None
    if not all(is_name(level) for level in levels[2:]):
        return None
    detail = levels[5] if len(levels) == 6 else ""
    return Topic(SiteId(levels[2]), NodeId(levels[3]), levels[4], detail)


def stop_all(site: SiteId) -> str:
    """Give the topic every node listens to for emergency stops."""
    return build(site, ALL, "stop")


def request(site: SiteId, client: ClientId, asked: NodeId = SCHEDULER) -> str:
    """Give the topic on which a client asks the scheduler, or the archive."""
    return build(site, asked, "request", client)


def answer(site: SiteId, client: ClientId) -> str:
    """Give the topic on which the scheduler answers a client."""
    return build(site, NodeId("operator"), "reply", client)


def view(site: SiteId, name: str) -> str:
    """Give the retained topic of a view's rows."""
    return build(site, NodeId("view"), "view", name)
