"""One change to a tree of written values, drawn: what a hand, a script or a bad disk may do."""

import copy
import datetime as dt

from hypothesis import strategies as st

DEEP = [[[[[[[[[[[[[[[[[[[[["deep"]]]]]]]]]]]]]]]]]]]]]
ODD = [
    -1,
    0,
    2**63,
    -(2**70),
    10**400,
    1e308,
    -1e308,
    5e-324,
    float("nan"),
    float("-inf"),
    True,
    "",
    "12",
    "85 kg",
    "nan",
    "a\x00b",
    "\u202e\u0301",
    "../../..",
    "x" * 5000,
    [],
    {},
    [[]],
    {"": {}},
    [1, "a", {}],
    DEEP,
    dt.date(2028, 1, 1),
]


def places_in(value, above=()):
    """Give the key path of every value in a tree."""
    if above:
        yield above
    parts = value if isinstance(value, dict) else {}
    parts = dict(enumerate(value)) if isinstance(value, list) else parts
    for key, part in parts.items():
        yield from places_in(part, (*above, key))


@st.composite
def changed(draw, whole):
    """Give a copy of the tree with one or two changes in it."""
    tree = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 2))):
        places = list(places_in(tree))
        if places:
            _change(draw, tree, draw(st.sampled_from(places)))
    return tree


def _change(draw, tree, place):
    *above, last = place
    table = tree
    for key in above:
        table = table[key]
    how = draw(
        st.sampled_from(["replace", "replace", "scale", "drop", "repeat", "misspell", "wrap"])
    )
    value = table[last]
    if how == "drop":
        del table[last]
    elif how == "scale" and isinstance(value, int | float):
        # Millimetres, kilometres, the other sign.
        table[last] = value * draw(st.sampled_from([-1, 1000, 10**9]))
    elif how == "repeat" and isinstance(table, list):
        table.insert(last, copy.deepcopy(value))
    elif how == "misspell" and isinstance(table, dict):
        table[f"{last}_"[1:]] = table.pop(last)
    elif how == "wrap":
        table[last] = [value]
    else:
        table[last] = copy.deepcopy(draw(st.sampled_from(ODD)))
