"""The rows of a view from elsewhere: taken as they are, or refused in one line."""

import pytest

from lunaredge.cli.listing import as_document, as_table
from lunaredge.cli.view_rows import DEPTH_MAX, rows_of
from lunaredge.errors import RemoteProtocolError
from lunaredge.wire.messages import View


def view(rows: bytes) -> View:
    return View(name="nodes", site_ns=0, rows=rows)


def nested(depth: int) -> bytes:
    return b'[{"node":' + b"[" * (depth - 2) + b"1" + b"]" * (depth - 2) + b"}]"


def test_rows_are_taken_as_they_came() -> None:
    rows = b'[{"node":"a","x_m":1.5,"lockout":{"tags":[{"area":[[1,2]]}]},"stops":[],"task":null}]'

    assert rows_of(view(rows)) == [
        {
            "node": "a",
            "x_m": 1.5,
            "lockout": {"tags": [{"area": [[1, 2]]}]},
            "stops": [],
            "task": None,
        }
    ]
    assert rows_of(view(nested(DEPTH_MAX)))


@pytest.mark.parametrize(
    "rows",
    [
        b"",
        b"x",
        b"{}",
        b"[1]",
        b'[{"node":"\xff"}]',
        b'[{"age_s":1e999}]',
        b'[{"age_s":' + b"9" * 400 + b"}]",
        b'[{"age_s":' + b"9" * 5_000 + b"}]",
        nested(DEPTH_MAX + 1),
        nested(900),
        nested(200_000),
    ],
    ids=lambda rows: rows[:20].decode(errors="replace"),
)
def test_what_is_no_rows_ends_a_list_with_an_error_that_names_the_view(rows: bytes) -> None:
    for shown in (lambda: as_table(view(rows), 0.0, 80), lambda: as_document(view(rows), 0.0)):
        with pytest.raises(RemoteProtocolError, match=r"^garbage: the view nodes: "):
            shown()


@pytest.mark.parametrize("value", [b"[]", b"{}", b"true", b'"x"', b"1e18", b"null"])
def test_a_row_of_odd_values_is_shown(value: bytes) -> None:
    keys = ("node", "task", "mark", "age_s", "waits_for", "restrained", "cuts_off", "battery_wh")
    row = b",".join(b'"%s":%s' % (key.encode(), value) for key in keys)

    assert as_table(view(b"[{" + row + b"}]"), 1.0, 80).count("\n") >= 1
