"""The reference page says of every key what the loaders enforce, word for word."""

from pathlib import Path

import pytest

from lunaredge.runtime.files import contact_file, fleet_file, order_file, site_file
from lunaredge.runtime.files.fields import NAME_RULE, POINT_RULE, Written

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "files.md"
SHAPES = [
    shape
    for module in (site_file, fleet_file, order_file, contact_file)
    for shape in vars(module).values()
    if isinstance(shape, type) and issubclass(shape, Written) and shape.model_fields
]


def rows_of(shape):
    """Give the page's table rows of a shape: the key, its default, and its unit, range, reason."""
    for key, field in shape.model_fields.items():
        default = "required"
        if not field.is_required():
            default = "-" if field.default in (None, ()) else str(field.default).lower()
        rule = field.description.replace(NAME_RULE, "*name*").replace(POINT_RULE, "*point*")
        yield f"| `{key}` | {default} | {rule} |"


@pytest.mark.parametrize("shape", SHAPES)
def test_every_field_says_its_unit_its_range_and_its_reason(shape):
    assert all(field.description for field in shape.model_fields.values())


@pytest.mark.parametrize("shape", SHAPES)
def test_the_page_holds_every_row(shape):
    page = PAGE.read_text()

    missing = [row for row in rows_of(shape) if row not in page]

    assert missing == []


def test_the_page_explains_the_rules_for_names_and_points():
    page = PAGE.read_text()

    assert NAME_RULE in page
    assert POINT_RULE in page
