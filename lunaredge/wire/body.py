"""What all message bodies share: their base, and numbers that a store can keep."""

from typing import Annotated

import msgspec

from lunaredge.ids import BootId

# msgpack's integers go one bit further than a store's: a number beyond is refused where it enters.
Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Boot = Annotated[BootId, msgspec.Meta(ge=0, le=2**63 - 1)]


class Body(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of every message body."""
