"""How a sender's uploads lie in a store: one row each, so that a restart finds them in order."""

import msgspec

from lunaredge.errors import JournalCorrupt
from lunaredge.wire.messages import RECORD_CLASSES
from lunaredge.wire.session import Item

TABLE = "spool"

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Item)


def scope_of(item: Item) -> str:
    """Give the row scope of an item's stream; scopes sort by boot, then by urgency."""
    # 15 digits hold every boot id: a counter of 24 bits over 24 random bits is below 2**48.
    return f"{item.boot:015d}/{RECORD_CLASSES.index(item.record_class)}"


def encode_item(item: Item) -> bytes:
    """Give the bytes of an item's row; its number is the item's ``seq``."""
    return _encoder.encode(item)


def decode_item(value: bytes) -> Item:
    """Take an item's row apart.

    Raises:
        JournalCorrupt: the bytes are not an item.
    """
    try:
        return _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise JournalCorrupt(f"a spool row can't be read: {exc}; it is left out") from exc
