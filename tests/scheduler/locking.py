"""Operators who lock machines out, and machines that answer."""

import msgspec

from lunaredge.ids import NodeId
from lunaredge.scheduler.state import NodeEntry
from lunaredge.wire import messages
from lunaredge.wire.safeguards import LockOut, LockOutRequest, Unlock, UnlockRequest
from lunaredge.wire.seal import Keyring, Role, Signer
from tests.scheduler.rig import Site, key

HAULER = "hauler-1"
BEN = key("operator-ben", Role.OPERATOR)
CAT = key("operator-cat", Role.OPERATOR)


def staffed(site: Site) -> Site:
    """Enrol two more operators."""
    everybody = [*site.signers.values(), site.operator, site.earth, site.gateway, site.lead]
    site.keyring = Keyring({s.key_id: s.public for s in (*everybody, BEN, CAT)})
    site.start()
    return site


def node(site: Site, name: str = HAULER) -> NodeEntry:
    return site.scheduler.core.state.nodes[NodeId(name)]


def lock(
    site: Site, name: str = HAULER, by: Signer | None = None, **fields: object
) -> messages.Answer:
    request = LockOutRequest(
        request=site.request_id(), node=NodeId(name), why="to change a track", **fields
    )
    return site.ask(request, by)


def take_over(site: Site, **fields: object) -> messages.Answer:
    """Go both steps from one's lock-out to driving the machine by hand."""
    area = {"radius_m": 5.0} | fields
    return lock(site, **area, code=lock(site, **area).code)


def step(
    site: Site, by: Signer | None = None, whose: str = "", code: str = "", name: str = HAULER
) -> messages.Answer:
    request = UnlockRequest(request=site.request_id(), node=NodeId(name), whose=whose, code=code)
    return site.ask(request, by)


def release(
    site: Site, by: Signer | None = None, whose: str = "", name: str = HAULER
) -> messages.Answer:
    """Go both steps."""
    offered = step(site, by, whose, name=name)
    return step(site, by, whose, offered.code, name) if offered.code else offered


def tags(site: Site, name: str = HAULER) -> tuple[str, ...]:
    """The tags that the machine has been told to hang on itself and not to take off."""
    hung = dict.fromkeys(body.tag for body in site.sent(name, LockOut))
    for body in site.sent(name, Unlock):
        hung.pop(body.tag, None)
    return tuple(hung)


def obey(site: Site, name: str = HAULER, **changes: object) -> None:
    """Have a machine confirm what it was told, and say where it stands."""
    pending = site.scheduler.core.state.commands.values()
    mine = [each.body for each in pending if each.node == name]
    for body in mine:
        if isinstance(body, LockOut | Unlock):
            site.reply(name, body.command)
    word(site, name, **changes)


def word(site: Site, name: str = HAULER, **changes: object) -> None:
    """Have a machine say where it stands and which tags hang on it."""
    situation = site.situation(name, locks=tags(site, name))
    site.say(name, messages.Heartbeat(situation=msgspec.structs.replace(situation, **changes)))


def locked(**fields: object) -> Site:
    """A site on which hauler-1 is locked out and has confirmed it."""
    site = staffed(Site())
    site.census()
    assert lock(site, **fields).ok
    obey(site)
    return site
