"""What all message bodies share: their base, and numbers that stores and cores can count on."""

from typing import Annotated

import msgspec

from lunaredge.ids import BootId

# msgpack's integers go one bit further than a store's: a number beyond is refused where it enters.
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
# What room and brakes are worked out with; NaN is in no range, and a machine never reports more.
Positive = Annotated[float, msgspec.Meta(ge=0.0, le=1e9)]
Ratio = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
# An answer repeats it, and is kept under it: a longer one would fill a frame, or a memory.
REQUEST_ID_LENGTH_MAX = 120
RequestId = Annotated[str, msgspec.Meta(max_length=REQUEST_ID_LENGTH_MAX)]
Boot = Annotated[BootId, msgspec.Meta(ge=0, le=2**63 - 1)]


class Body(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of every message body."""


class RecordBody(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of every record. ``site_ns`` is the sender's estimate of site time."""

    site_ns: Int64
