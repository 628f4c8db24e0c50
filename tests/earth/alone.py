"""An Earth station alone: what it is told, and what came of it."""

import msgspec

from lunaredge.earth.desk import ApprovalPolicy
from lunaredge.earth.station import EarthConfig, EarthNode
from lunaredge.ids import BootId, ClientId, NodeId, TaskId
from lunaredge.node import Note, Publish, Transmit
from lunaredge.units import NS_PER_S
from lunaredge.wire import topics
from lunaredge.wire.codec import decode
from lunaredge.wire.link import (
    Item,
    LinkHeader,
    Shipment,
    decode_datagram,
    encode_datagram,
    encode_payload,
)
from lunaredge.wire.messages import RecordClass
from lunaredge.wire.records import ApprovalWanted, Event, encode_record
from tests.earth.rig import (
    EARTH,
    GATEWAY,
    KEYRING,
    OPERATOR,
    SITE,
    Disk,
    frame,
    plan_of,
    seconds,
)

ERA = BootId(9)
MANUAL = EarthConfig(site=SITE, preset="moonlight-s")
AUTO = EarthConfig(site=SITE, preset="moonlight-s", approve=ApprovalPolicy.AUTO)
PATIENT = msgspec.structs.replace(AUTO, approve_delay_ns=600 * NS_PER_S)


class Station:
    """An Earth station alone, with its effects."""

    def __init__(self, config=MANUAL, plan=None):
        self.config = config
        self.plan = plan or plan_of((0, 10_000))
        self.disk = Disk()
        self.start()

    def start(self, at_s=0):
        self.node = EarthNode(self.config, self.plan, BootId(2), signer=EARTH, keyring=KEYRING)
        self.node.restore(self.disk.rows(), seconds(at_s))
        self.node.connected(seconds(at_s))
        return self.tick(at_s + 1)

    def effects(self):
        effects = self.node.take_effects()
        for effect in effects:
            if not isinstance(effect, Publish | Transmit | Note):
                self.disk.commit(effect)
        return effects

    def hear(self, *parts, at_s=10, signer=GATEWAY, era=ERA):
        header = LinkHeader(site=SITE, key=signer.key_id, era=era, sent_ns=seconds(at_s))
        self.node.datagram(encode_datagram(header, parts, signer), seconds(at_s))
        return self.effects()

    def ask(self, body, at_s=10, signer=OPERATOR, client="ann", expiry_s=600):
        topic = topics.request(SITE, ClientId(client))
        payload = frame(signer, body, expiry_ns=seconds(at_s + expiry_s))
        self.node.receive(topic, payload, seconds(at_s))
        return self.effects()

    def tick(self, at_s):
        self.node.tick(seconds(at_s))
        return self.effects()


RECORD = encode_record(Event(site_ns=0, code="task.done", text="dig"))


def shipment(seq, record=RECORD, **changes):
    fields = {
        "node": NodeId("scheduler"),
        "boot": BootId(7),
        "first_seq": seq,
        "seq": seq,
        "count": 1,
        "dropped": False,
        "record": record,
    }
    return Shipment(**(fields | changes))


def item(number, payload, record_class=RecordClass.EVENT, span=1):
    return Item(
        record_class=record_class,
        id=number,
        behind=number - 1,
        span=span,
        part=0,
        parts=1,
        born_ns=seconds(0),
        chunk=encode_payload(payload),
    )


def wanted(number, task="dig"):
    record = ApprovalWanted(site_ns=0, task=TaskId(task), title=f"Pit: {task}")
    return item(number, shipment(number, encode_record(record)))


def published(effects, kind):
    messages = [decode(e.payload, KEYRING) for e in effects if isinstance(e, Publish)]
    return [message for message in messages if isinstance(message.body, kind)]


def parts(effects, kind):
    sent = [e.payload for e in effects if isinstance(e, Transmit)]
    found = [part for payload in sent for part in decode_datagram(payload, SITE, KEYRING).parts]
    return [part for part in found if isinstance(part, kind)]


def request_of(directive):
    return decode(directive.frame, KEYRING).body
