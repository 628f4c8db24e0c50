"""The error tree is as it is drawn, and each error knows how the command line ends."""

import inspect

import pytest

from lunaredge import errors
from lunaredge.errors import ConfigError, LunarEdgeError, RemoteProtocolError


def drawn_tree() -> dict[str, str]:
    """Give each class of the drawing and its parent, read from the module's docstring."""
    parents: dict[str, str] = {}
    stack: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        indent = len(line) - len(line.lstrip())
        word = line.split()[0] if line.split() else ""
        if indent >= 4 and word.isidentifier():
            stack = [entry for entry in stack if entry[0] < indent]
            parents[word] = stack[-1][1] if stack else "Exception"
            stack.append((indent, word))
    return parents


def test_the_tree_is_as_it_is_drawn() -> None:
    classes = inspect.getmembers(errors, inspect.isclass)

    built = {
        name: cls.__base__.__name__ for name, cls in classes if cls.__module__ == "lunaredge.errors"
    }

    assert built == drawn_tree()


@pytest.mark.parametrize(
    ("name", "exit_code"),
    [
        ("ConfigError", 2),
        ("TransportError", 3),
        ("TimeoutExceeded", 3),
        ("JournalCorrupt", 3),
        ("JournalFull", 3),
        ("Infeasible", 1),
        ("RemoteProtocolError", 1),
        ("ActuationRefused", 1),
    ],
)
def test_each_error_ends_the_command_line_as_promised(name: str, exit_code: int) -> None:
    assert getattr(errors, name).exit_code == exit_code


def test_a_config_error_says_where_what_and_what_to_do() -> None:
    error = ConfigError(
        "must be above zero",
        place="site.yaml",
        key="terrain.cell_m",
        value=-5.0,
        remedy="give the size of a terrain cell in metres",
    )

    assert str(error) == (
        "site.yaml: terrain.cell_m: must be above zero, got -5.0; "
        "give the size of a terrain cell in metres"
    )
    assert (error.place, error.key, error.value) == ("site.yaml", "terrain.cell_m", -5.0)


def test_a_config_error_stays_on_one_line_whatever_stood_there() -> None:
    error = ConfigError("is no name", place="f", key="k", value="line\n" * 100, remedy="shorten it")

    assert "\n" not in str(error)
    assert len(str(error)) < 140


def test_a_remote_error_carries_a_word_for_counting() -> None:
    plain, detailed = RemoteProtocolError("garbage"), RemoteProtocolError("version", "2, not 1")

    assert (plain.reason, str(plain)) == ("garbage", "garbage")
    assert (detailed.reason, str(detailed)) == ("version", "version: 2, not 1")
    assert isinstance(plain, LunarEdgeError)


def test_a_config_error_is_one_line_whatever_it_quotes() -> None:
    error = ConfigError("is\nbad", place="a\x1b[2J\n.toml", key="b\0", value="c\n", remedy="go\ton")

    assert str(error) == "a?[2J?.toml: b?: is?bad, got 'c\\n'; go?on"
    assert error.place == "a\x1b[2J\n.toml"
