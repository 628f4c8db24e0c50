"""Rows of a view fit into a frame, whatever is in them."""

import msgspec

from lunaredge.wire.rows import ROWS_BYTES_MAX, encode_rows


def test_rows_that_fit_no_frame_leave_room_for_the_others() -> None:
    rows = [{"at": 0, "text": "x" * 150_000}, {"at": 1, "text": "y" * 150_000}]
    rows += [{"at": 2, "text": "z"}, {"at": 3, "text": "x" * 400_000}]

    encoded, left_out = encode_rows(rows)

    assert [row["at"] for row in msgspec.json.decode(encoded)] == [0, 2]
    assert left_out == 2


def test_one_node_s_endless_words_take_no_other_s_place_in_a_list() -> None:
    long = {"at": 0, "text": "x" * (ROWS_BYTES_MAX - 100)}
    others = [{"at": at, "text": "y" * 100} for at in (1, 2)]

    encoded, _ = encode_rows([long, *others])

    assert [row["at"] for row in msgspec.json.decode(encoded)] == [1, 2]
