"""The rows of a view as they came: checked once, so that nothing in them ends a command.

Owns no column: what a row says is for whoever shows it.
"""

import msgspec

from lunaredge.cli.table import Row
from lunaredge.errors import RemoteProtocolError
from lunaredge.wire.malformed import MALFORMED
from lunaredge.wire.messages import View

# Twice as deep as the corner of an area of a tag of a node is.
DEPTH_MAX = 16
# What a float can count with; no honest number comes near it.
NUMBER_MAX = 2**63

_decoder = msgspec.json.Decoder(list[Row])


def rows_of(view: View) -> list[Row]:
    """Give a view's rows.

    Raises:
        RemoteProtocolError: reason ``garbage``; they are none, or deeper or greater than rows are.
    """
    try:
        rows = _decoder.decode(view.rows)
    except MALFORMED as exc:
        raise RemoteProtocolError("garbage", f"the view {view.name}: {exc}") from exc
    if not _is_plain(rows, DEPTH_MAX):
        raise RemoteProtocolError("garbage", f"the view {view.name}: no rows have such values")
    return rows


def _is_plain(value: object, depth: int) -> bool:
    if isinstance(value, int | float):
        return abs(value) <= NUMBER_MAX
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth > 0 and all(_is_plain(part, depth - 1) for part in parts)
