"""What bytes hold: of each field that is a string of bytes, how it is to be read.

The words are those that `docs/reference/wire.md` explains; `tests/schema/decoder` reads live
telemetry by them alone.
"""

from lunaredge.wire import messages, records
from lunaredge.wire.telemetry import Dtype, Telemetry

Content = dict[str, object]

MSGPACK = "application/vnd.msgpack"
JSON = "application/json"
OPAQUE = "application/octet-stream"

# The type of columns that count or number something; no channel has it.
INDEX_DTYPE = "u2"
_KINDS = {"f": "float", "i": "int", "u": "uint"}


def nested(name: str) -> Content:
    """Give the words for msgpack inside of bytes."""
    return {"contentMediaType": MSGPACK, "contentSchema": {"$ref": f"#/$defs/{name}"}}


CONTENTS: dict[tuple[str, str], Content] = {
    (messages.Upload.__name__, "record"): nested("Record"),
    (messages.Answer.__name__, "rows"): {"contentMediaType": JSON},
    (messages.View.__name__, "rows"): {"contentMediaType": JSON},
    (records.TaskReport.__name__, "result"): {"contentMediaType": OPAQUE},
    ("Workload", "input"): {"contentMediaType": OPAQUE},
    (records.TerrainPatch.__name__, "points"): {
        "x-column": {"dtype": Dtype.F4.value, "tuples": ["x_m", "y_m", "z_m"]}
    },
    (Telemetry.__name__, "times_ns"): {"x-column": {"dtype": Dtype.I8.value}},
    (Telemetry.__name__, "counts"): {"x-column": {"dtype": INDEX_DTYPE}},
    (Telemetry.__name__, "rows"): {"x-column": {"dtype": INDEX_DTYPE}},
    (Telemetry.__name__, "values"): {"x-column": {"dtypeOf": "channel"}},
    (Telemetry.__name__, "blanks"): {
        "x-column": {"dtype": INDEX_DTYPE, "tuples": ["row", "channel"]}
    },
}

# How the columns of a batch go together: which field is what, and where its channels are told.
BATCHES: dict[str, Content] = {
    Telemetry.__name__: {
        "channels": {
            "message": messages.StreamBirth.__name__,
            "askedBy": messages.RebirthRequest.__name__,
            "number": "table",
            "list": "channels",
            "name": "name",
            "unit": "unit",
            "dtype": "dtype",
        },
        "start": "site_ns",
        "times": "times_ns",
        "counts": "counts",
        "rows": "rows",
        "values": "values",
        "blanks": "blanks",
    }
}


def dtypes() -> dict[str, Content]:
    """Give what each type of a column's values is, as bytes."""
    names = sorted({INDEX_DTYPE, *(each.value for each in Dtype)})
    return {name: {"kind": _KINDS[name[0]], "bytes": int(name[1:])} for name in names}
