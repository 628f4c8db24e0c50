"""The page on scene files says of every key what the reader enforces, word for word."""

import pytest

from lunaredge.runtime.files import route_machine, route_shape
from lunaredge.runtime.files.fields import NAME_RULE, POINT_RULE, Written
from tests.runtime.files.test_reference_page import PAGE as FILES_PAGE

PAGE = FILES_PAGE.with_name("route-files.md")
SHAPES = {
    shape.__name__: shape
    for module in (route_machine, route_shape)
    for shape in vars(module).values()
    if isinstance(shape, type) and issubclass(shape, Written) and shape.model_fields
}


def rows_of(shape):
    """Give the page's table rows of a shape: the key, its default, and its unit, range, reason."""
    for key, field in shape.model_fields.items():
        default = "required"
        if not field.is_required():
            value = field.default
            plain = isinstance(value, bool | float | str)
            default = str(value).lower() if plain else "-"
        rule = field.description.replace(NAME_RULE, "*name*").replace(POINT_RULE, "*point*")
        yield f"| `{key}` | {default} | {rule} |"


@pytest.mark.parametrize("name", SHAPES)
def test_the_page_holds_every_row(name):
    page = PAGE.read_text(encoding="utf-8")

    missing = [row for row in rows_of(SHAPES[name]) if row not in page]

    assert missing == []
