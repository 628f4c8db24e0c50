"""What a store keeps of a node, as evidence: the same for the site's archive and for Earth's.

The scheduler archives what nodes say and passes alarms, events and task reports on in a wrapping
of its own. Which record it was shows in a checksum of what it says.
"""

import zlib

import msgspec

from lunaredge.errors import RemoteProtocolError
from lunaredge.ids import NodeId
from lunaredge.sim.checkers.accounting import PRECIOUS
from lunaredge.sim.checkers.evidence import Kept
from lunaredge.wire import records, topics
from lunaredge.wire.messages import RecordClass


def kept(
    store: NodeId, node: NodeId, record_class: RecordClass, record: bytes, at_ns: int
) -> Kept | None:
    """Say which node's alarm, event or report a store keeps, if it is one.

    Args:
        store: Where it is kept; "earth" also for what is on its way there, on a disk.
        node: Whose upload it came in.
        record_class: Its class.
        record: The encoded record; empty for a marker of dropped ones.
        at_ns: Site time.
    """
    if not record or record_class not in PRECIOUS:
        return None
    try:
        found = records.decode_record(record)
    except RemoteProtocolError:
        # Archived as it came; nobody can pass on what can't be read.
        return None
    if isinstance(found, records.NodeRecord):
        node, found = found.node, found.record
    elif store != topics.SCHEDULER:
        return None
    if isinstance(found, records.TaskReport):
        # A result is for the site; Earth is told that there is one.
        found = msgspec.structs.replace(found, result=b"")
    if not isinstance(found, records.Alarm | records.Event | records.TaskReport):
        return None
    key = zlib.crc32(records.encode_record(found))
    return Kept(at_ns=at_ns, store=store, node=node, key=key)
