"""What people may do about alarms. Part of the messages; `wire.messages` has the union of all."""

import msgspec

from lunaredge.wire.body import Count, RequestId


class _AlarmRequest(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of these bodies. ``source`` and ``code`` are as the view `alarms` has them."""

    request: RequestId
    source: str


class AcknowledgeRequest(_AlarmRequest, frozen=True, kw_only=True, tag="acknowledge_request"):
    """Say that I know of an alarm; of a latched one, reset it."""

    code: str = ""
    """Empty: all alarms of the source."""


class ShelveRequest(_AlarmRequest, frozen=True, kw_only=True, tag="shelve_request"):
    """Put an alarm aside for a time."""

    code: str
    for_ns: Count
    why: str


class UnshelveRequest(_AlarmRequest, frozen=True, kw_only=True, tag="unshelve_request"):
    """Take an alarm off the shelf."""

    code: str
