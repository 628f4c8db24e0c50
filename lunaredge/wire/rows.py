"""Rows of a view: as many as fit into one frame, and how many more there are."""

from collections.abc import Mapping, Sequence

import msgspec

from lunaredge.wire.codec import FRAME_BYTES_MAX

# A view is one frame; the header and the signature take some hundred bytes of it.
ROWS_BYTES_MAX = FRAME_BYTES_MAX - 4_096
# Sixteen people's tags with areas of many corners take less.
ROW_BYTES_USUAL = 16_384


def encode_rows(rows: Sequence[Mapping[str, object]]) -> tuple[bytes, int]:
    """Give rows as JSON, those that fit into a frame: the first ones first; and how many do not.

    A row of absurd length, made so by one node's words, takes no other's place.
    """
    encoded = [msgspec.json.encode(row) for row in rows]
    fitting: list[int] = []
    room_bytes = ROWS_BYTES_MAX
    for i in sorted(range(len(encoded)), key=lambda i: len(encoded[i]) > ROW_BYTES_USUAL):
        if len(encoded[i]) < room_bytes:
            room_bytes -= len(encoded[i]) + 1
            fitting.append(i)
    shown = msgspec.json.encode([msgspec.Raw(encoded[i]) for i in sorted(fitting)])
    return shown, len(rows) - len(fitting)
