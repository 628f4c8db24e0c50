"""YAML as plain values with their lines, less what makes YAML dangerous.

Refuses aliases (a small file can stand for a huge one), tags, doubled keys and keys that are not
text (an unquoted ``on`` is a truth value in YAML).
"""

from pathlib import Path

import yaml

from lunaredge.errors import ConfigError
from lunaredge.runtime.files.document import DEPTH_MAX, Document, KeyPath, file_error, key_text

# The C parser is ten times as fast; a build without libyaml reads the same files.
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXT_TAG = "tag:yaml.org,2002:str"


def parse_yaml(path: Path, text: str) -> Document:
    """Give the values of one YAML document.

    Raises:
        ConfigError: it is not well-formed, or uses what is not read; names the line.
    """
    try:
        _refuse_odd(path, text)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as exc:
        problem = f"not valid YAML: {exc.problem}"
        remedy = "correct that line; check its indentation"
        place = _place(path, exc.problem_mark.line if exc.problem_mark else None)
        raise ConfigError(
            problem, place=place, key=key_text(()), value=path.name, remedy=remedy
        ) from exc
    except yaml.YAMLError as exc:
        problem = "not valid YAML: " + str(exc).splitlines()[0]
        raise file_error(problem, path, path.name, "save it as plain UTF-8 text") from exc
    lines: dict[KeyPath, int] = {}
    value = None if node is None else _Reader(path, lines).value_of(node, ())
    return Document(path=path, value=value, lines=lines)


def _refuse_odd(path: Path, text: str) -> None:
    """Check the stream of events, which neither recurses nor expands anything."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        anchor = getattr(event, "anchor", None)
        tag = getattr(event, "tag", None)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH_MAX:
            problem, value, remedy = "values are nested too deeply", depth, "flatten them"
        elif anchor is not None:
            problem, value, remedy = "aliases are not read", anchor, "write the value out"
        elif tag is not None:
            problem, value, remedy = "tags are not read", tag, "write the plain value"
        else:
            continue
        place = _place(path, event.start_mark.line if event.start_mark else None)
        raise ConfigError(problem, place=place, key=key_text(()), value=value, remedy=remedy)


class _Reader:
    """Turns composed nodes into plain values and notes their lines."""

    def __init__(self, path: Path, lines: dict[KeyPath, int]) -> None:
        self._path = path
        self._lines = lines
        self._scalars = yaml.constructor.SafeConstructor()

    def value_of(self, node: yaml.Node, key: KeyPath) -> object:
        self._lines[key] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self.value_of(item, (*key, i)) for i, item in enumerate(node.value)]
        try:
            return self._scalars.construct_object(node)
        except (ValueError, OverflowError, yaml.YAMLError) as exc:
            # An integer of thousands of digits, a 13th month.
            raise self._error("the value cannot be read", key, node, "correct it") from exc

    def _mapping(self, node: yaml.MappingNode, key: KeyPath) -> dict[str, object]:
        mapping: dict[str, object] = {}
        for name_node, value_node in node.value:
            if name_node.tag != _TEXT_TAG:
                raise self._error("a key is not text", key, name_node, "put the key in quotes")
            name = name_node.value
            if name in mapping:
                raise self._error("a key is there twice", (*key, name), name_node, "keep one")
            mapping[name] = self.value_of(value_node, (*key, name))
        return mapping

    def _error(self, problem: str, key: KeyPath, node: yaml.Node, remedy: str) -> ConfigError:
        value = node.value if isinstance(node, yaml.ScalarNode) else "a list or a map"
        place = _place(self._path, node.start_mark.line)
        return ConfigError(problem, place=place, key=key_text(key), value=value, remedy=remedy)


def _place(path: Path, line_index: int | None) -> str:
    return str(path) if line_index is None else f"{path}:{line_index + 1}"
