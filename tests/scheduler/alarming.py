"""A hauler that tells alarms, people who act on them, and what comes of it."""

import json
from typing import Any

from lunaredge.ids import NodeId
from lunaredge.scheduler.alarm_entry import AlarmEntry
from lunaredge.scheduler.inputs import Recorded
from lunaredge.units import NS_PER_S
from lunaredge.wire import messages, records
from lunaredge.wire.alarm_requests import AcknowledgeRequest, ShelveRequest, UnshelveRequest
from lunaredge.wire.messages import RecordClass
from lunaredge.wire.seal import Signer
from tests.scheduler.rig import Site

HAULER = "hauler-1"
HOUR_NS = 3_600 * NS_PER_S


def ack(site: Site, source: str, code: str = "", signer: Signer | None = None) -> messages.Answer:
    body = AcknowledgeRequest(request=site.request_id(), source=source, code=code)
    return site.ask(body, signer)


def shelve(
    site: Site, code: str, for_ns: int = 2 * HOUR_NS, why: str = "it flutters"
) -> messages.Answer:
    body = ShelveRequest(
        request=site.request_id(), source=HAULER, code=code, for_ns=for_ns, why=why
    )
    return site.ask(body)


def unshelve(site: Site, code: str) -> messages.Answer:
    return site.ask(UnshelveRequest(request=site.request_id(), source=HAULER, code=code))


def take(site: Site, taken: Any) -> None:
    """Give the scheduler an input as its node would."""
    site.scheduler._take(taken, site.now_ns)
    site.carry_out()


def tell(site: Site, code: str, *, active: bool = True, **fields: Any) -> None:
    """Have the hauler tell an alarm."""
    alarm = records.Alarm(site_ns=site.now_ns, code=code, text="t", active=active, **fields)
    encoded = records.encode_record(alarm)
    take(site, Recorded(node=NodeId(HAULER), record_class=RecordClass.ALARM, record=encoded))


def told(site: Site, code: str) -> AlarmEntry:
    return site.scheduler.core.state.alarms[f"told {HAULER}/{code}"]


def own(site: Site, source: str, code: str) -> AlarmEntry:
    return site.scheduler.core.state.alarms[f"{source}/{code}"]


def rows(site: Site) -> list[dict[str, Any]]:
    """Give the newest list of alarms."""
    views = (body for _, body in reversed(site.published) if isinstance(body, messages.View))
    found: list[dict[str, Any]] = json.loads(next(v.rows for v in views if v.name == "alarms"))
    return found


def to_earth(site: Site) -> list[records.Record]:
    """Give what went up to the gateway, once each."""
    uploads = [
        body
        for topic, body in site.published
        if isinstance(body, messages.Upload) and topic.startswith("lunaredge/v1/plain/scheduler/up")
    ]
    unique = {(upload.record_class, upload.seq): upload.record for upload in uploads}
    return [records.decode_record(record) for record in unique.values()]
