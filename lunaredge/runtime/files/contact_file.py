"""The contact plan file: when the Earth link is expected up, and how far Earth is then.

Owns the form of the file and the order of its windows. What the link carries in them is the
gateway's business.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec
from pydantic import AfterValidator, Field

from lunaredge.model.contact import LINK_PRESETS, Contact, ContactPlan, LinkPreset
from lunaredge.runtime.files.document import Document, KeyPath
from lunaredge.runtime.files.fields import Written, number, positive, text, validated
from lunaredge.runtime.files.parsing import load_document
from lunaredge.units import NS_PER_S

# 60 days with a relay have 137 windows, in 19 kB: three years of them fit a file's bound.
CONTACTS_MAX = 2500
# Plans give the hours rounded, and count the last minute of the plan in; more is a slip.
HOURS_ERROR_MAX = 0.1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME_RULE = "a time in UTC as 2028-01-13T12:00:00Z, from 1970 to 2199"
_SPELLING = r"^(19[7-9][0-9]|2[01][0-9]{2})(-[0-9]{2}){2}T([0-9]{2}:){2}[0-9]{2}(\.[0-9]{1,6})?Z$"


def _checked_time(written: str) -> str:
    datetime.fromisoformat(written)
    return written


_Time = Annotated[str, Field(pattern=_SPELLING), AfterValidator(_checked_time)]


class PlacePart(Written):
    """Where the plan was computed for; for people only."""

    name: Annotated[str, text(100, "of the antenna's place")]
    lat: Annotated[float, number("deg", -90, 90, "latitude")]
    lon_e: Annotated[float, number("deg", -360, 360, "longitude, positive to the east")]
    mast_m: Annotated[float, number("m", 0, 500, "height of the antenna above ground")]


class ContactPart(Written):
    """One window."""

    link: Annotated[str, text(40, "which way to Earth: DTE (direct), RELAY")]
    start: Annotated[_Time, Field(description=f"{_TIME_RULE}: the first moment in contact")]
    end: Annotated[_Time, Field(description=f"{_TIME_RULE}: the first moment out of contact")]
    owlt_s: Annotated[
        float,
        number("s", 0.5, 5, "one-way light time; 1.19 to 1.36 s direct, more by way of a relay"),
    ]
    hours: Annotated[
        float | None, positive("h", 1e6, "length of the window, for people; checked if given")
    ] = None


class PlanPart(Written):
    """The whole contact plan file."""

    site: Annotated[
        PlacePart, Field(description="a map: the place the plan was computed for, for people")
    ]
    epoch: Annotated[_Time, Field(description=f"{_TIME_RULE}: where the plan begins")]
    contacts: Annotated[
        tuple[ContactPart, ...],
        Field(
            min_length=1,
            max_length=CONTACTS_MAX,
            description=f"1 to {CONTACTS_MAX} windows in order of their start",
        ),
    ]
    preset: Annotated[
        str | None,
        Field(description="the link's rates, one of: " + ", ".join(LINK_PRESETS)),
    ] = None
    note: Annotated[str | None, text(2000, "anything people should know about the plan")] = None


class ContactFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a contact plan file holds."""

    plan: ContactPlan
    epoch_ns: int
    """Where the plan begins; a demo starts its site's clock there."""
    preset: LinkPreset | None
    """The link's rates, if the file names them."""


def load_contacts(path: Path) -> ContactFile:
    """Give the contact plan that a file describes.

    Raises:
        ConfigError: the first thing in the file that can't be used.
    """
    document = load_document(path)
    part = validated(document, PlanPart)
    if part.preset is not None and part.preset not in LINK_PRESETS:
        remedy = "use one of: " + ", ".join(LINK_PRESETS)
        raise document.error("there is no such preset", ("preset",), part.preset, remedy)
    contacts: list[Contact] = []
    ends_ns: dict[str, int] = {}
    for i, window in enumerate(part.contacts):
        contact = _contact_of(window)
        earliest_ns = contacts[-1].start_ns if contacts else 0
        _check_window(document, i, window, contact)
        _check_order(document, i, window, earliest_ns, ends_ns.get(window.link, 0))
        ends_ns[window.link] = contact.end_ns
        contacts.append(contact)
    return ContactFile(
        plan=ContactPlan(contacts=tuple(contacts)),
        epoch_ns=_ns_of(part.epoch),
        preset=None if part.preset is None else LINK_PRESETS[part.preset],
    )


def _contact_of(window: ContactPart) -> Contact:
    return Contact(
        link=window.link,
        start_ns=_ns_of(window.start),
        end_ns=_ns_of(window.end),
        light_time_s=window.owlt_s,
    )


def _check_window(document: Document, i: int, window: ContactPart, contact: Contact) -> None:
    key: KeyPath = ("contacts", i, "end")
    if contact.end_ns <= contact.start_ns:
        problem = "the window ends before it starts"
        raise document.error(problem, key, window.end, f"give a time after {window.start}")
    hours = (contact.end_ns - contact.start_ns) / NS_PER_S / 3600
    if window.hours is not None and abs(hours - window.hours) > HOURS_ERROR_MAX:
        problem = f"start and end are {hours:.2f} h apart"
        remedy = "correct one of them, or leave hours out"
        raise document.error(problem, ("contacts", i, "hours"), window.hours, remedy)


def _check_order(
    document: Document, i: int, window: ContactPart, earliest_ns: int, free_ns: int
) -> None:
    key: KeyPath = ("contacts", i, "start")
    if _ns_of(window.start) < earliest_ns:
        problem = "the window before it starts later"
        raise document.error(problem, key, window.start, "sort the windows by their start")
    if _ns_of(window.start) < free_ns:
        problem = f"an earlier window of link {window.link} is still open"
        raise document.error(problem, key, window.start, "join the two, or end the earlier sooner")


def _ns_of(written: str) -> int:
    elapsed = datetime.fromisoformat(written) - _EPOCH
    return elapsed // timedelta(microseconds=1) * 1000
