"""The shape of written files: strict pydantic models, and their errors in our words.

Every field's description holds its unit, its range and its reason; an error's remedy quotes it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from lunaredge.errors import ConfigError
from lunaredge.ids import is_name
from lunaredge.runtime.files.document import Document, KeyPath, unknown_key_remedy

# No machine works further from its site's origin; a degree typed for a metre is caught long before.
COORDINATE_M_MAX = 100_000.0


class Written(BaseModel):
    """Base of what people write: exact types, no unknown keys, finite numbers."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


AnyWritten = TypeVar("AnyWritten", bound=Written)


def number(unit: str, low: float, high: float, reason: str) -> Any:
    """Give the field of a number from ``low`` to ``high``, both allowed."""
    return Field(ge=low, le=high, description=f"{unit}, {low:.10g} to {high:.10g}: {reason}")


def positive(unit: str, high: float, reason: str) -> Any:
    """Give the field of a number above 0 and at most ``high``."""
    return Field(gt=0, le=high, description=f"{unit}, above 0, at most {high:.10g}: {reason}")


def text(length_max: int, reason: str) -> Any:
    """Give the field of a text of 1 to ``length_max`` characters."""
    description = f"text of 1 to {length_max} characters: {reason}"
    return Field(min_length=1, max_length=length_max, description=description)


def _checked_name(name: str) -> str:
    if not is_name(name):
        raise ValueError("not a name")
    return name


NAME_RULE = "a name of lower-case letters, digits and inner hyphens, 1 to 40 characters"
Name = Annotated[str, AfterValidator(_checked_name)]
_Coordinate = Annotated[float, Field(ge=-COORDINATE_M_MAX, le=COORDINATE_M_MAX)]
Point = tuple[_Coordinate, _Coordinate]
POINT_RULE = "[x, y] in metres of the site's frame, each within 100 km of its origin"


def name(reason: str) -> Any:
    """Give the field of a name."""
    return Field(description=f"{NAME_RULE}: {reason}")


def validated(document: Document, shape: type[AnyWritten]) -> AnyWritten:
    """Give the document's values in that shape.

    Raises:
        ConfigError: the first value that does not fit, by its place in the file.
    """
    try:
        # By way of JSON: its strict mode takes a list for a tuple and still no text for a number.
        return shape.model_validate_json(json.dumps(document.value, default=str))
    except ValidationError as exc:
        raise _translated(document, shape, exc) from exc


def _translated(document: Document, shape: type[Written], exc: ValidationError) -> ConfigError:
    errors = _causes(exc.errors(include_url=False, include_context=False))
    # A key that is not known first: it is often the misspelt one of a value that is missing.
    first = next((error for error in errors if error["type"] == _UNKNOWN), errors[0])
    key, siblings = _located(shape, first["loc"])
    names = (part for part in reversed(key) if isinstance(part, str))
    field = siblings.get(next(names, ""))
    problem, value, remedy = _problem_of(first), first["input"], "see docs/reference/files.md"
    if field is not None and field.description:
        remedy = f"give {field.description}"
    if first["type"] == "missing":
        value = None
    elif first["type"] == _UNKNOWN:
        remedy = unknown_key_remedy(str(key[-1]), siblings)
        errors = [error for error in errors if not _is_answered(error, first, remedy)]
    elif first["type"].startswith("union_tag"):
        key, value = (*key, "kind"), value.get("kind")
    if len(errors) > 1:
        problem += f" (the first of {len(errors)} errors)"
    return document.error(problem, key, value, remedy)


_UNKNOWN = "extra_forbidden"


def _causes(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out what only follows: a list is told too short when one of its items is refused."""
    inner = [error["loc"] for error in errors]
    return [
        error
        for error in errors
        if error["type"] != "too_short"
        or not any(len(loc) > len(error["loc"]) for loc in _under(inner, error["loc"]))
    ]


def _under(places: list[tuple[int | str, ...]], place: tuple[int | str, ...]) -> Iterator[Any]:
    return (inner for inner in places if inner[: len(place)] == place)


def _is_answered(error: ErrorDetails, unknown: ErrorDetails, remedy: str) -> bool:
    """Tell whether a value is missing only because its key is the misspelt one."""
    *table, name = error["loc"]
    beside = tuple(table) == unknown["loc"][:-1]
    return error["type"] == "missing" and beside and f"did you mean {name}?" in remedy


_PROBLEMS = {
    "missing": "the value is missing",
    "model_type": "this should be a table of keys with their values",
    "extra_forbidden": "the key is not known",
    "string_pattern_mismatch": "the value is not written as it must be",
    "union_tag_invalid": "the kind is not known",
    "union_tag_not_found": "the kind is missing",
}


def _problem_of(error: ErrorDetails) -> str:
    problem = _PROBLEMS.get(error["type"])
    if problem is not None:
        return problem
    problem = error["msg"].removeprefix("Value error, ").replace("Input should", "the value should")
    problem = problem.replace(" after validation", "").replace("Tuple should", "the list should")
    return problem[0].lower() + problem[1:]


def _located(
    shape: type[Written], loc: tuple[int | str, ...]
) -> tuple[KeyPath, Mapping[str, FieldInfo]]:
    """Give an error's key path, without the tags that pydantic puts in, and the fields there."""
    models: list[type[BaseModel]] = [shape]
    siblings: Mapping[str, FieldInfo] = {}
    key: list[str | int] = []
    is_mapping = False
    for part in loc:
        if is_mapping:
            # A key that people chose.
            key.append(part)
            is_mapping = False
            continue
        if isinstance(part, str) and len(models) > 1:
            models = [model for model in models if _has_tag(model, part)]
            continue
        key.append(part)
        if isinstance(part, str):
            siblings = models[0].model_fields if models else {}
            annotation = siblings[part].annotation if part in siblings else None
            models = list(_models_in(annotation))
            is_mapping = _has_mapping(annotation)
    return tuple(key), siblings


def _has_mapping(annotation: Any) -> bool:
    return get_origin(annotation) is dict or any(map(_has_mapping, get_args(annotation)))


def _has_tag(model: type[BaseModel], tag: str) -> bool:
    kind = model.model_fields.get("kind")
    return kind is not None and tag in get_args(kind.annotation)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
