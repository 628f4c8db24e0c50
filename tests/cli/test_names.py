"""Names on the command line: what can be none is refused here, whatever the command, unsent."""

import pytest

from lunaredge.cli.main import main

RULE = "give 1 to 40 lower-case letters, digits and hyphens, no hyphen at either end"
WAYS = {
    "hold": ("node", "node", "`lunaredge nodes` lists them"),
    "cancel": ("task", "task", "`lunaredge tasks` lists them"),
    "close --why x": ("zone", "zone", RULE),
    "open": ("zone", "zone", "`lunaredge closures` lists those that are closed"),
    "explain": ("task", "task or node", "`lunaredge tasks` and `lunaredge nodes` list them"),
}


@pytest.mark.parametrize("words", WAYS)
@pytest.mark.parametrize("name", ["", "Foo_Bar", "x" * 50])
def test_what_can_be_no_name_is_bad_usage_with_its_value(
    words: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command, key = words.split()[0], WAYS[words][0]

    code = main([*words.split(), "--config", "nowhere.toml", name])

    _, what, remedy = WAYS[words]
    told = " ".join(capsys.readouterr().err.split())
    assert code == 2
    assert told == f"lunaredge {command}: {key}: not the name of a {what}, got {name!r}; {remedy}"


def test_a_name_is_looked_at_before_the_settings_and_is_else_let_through(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["open", "blast-7", "--config", "nowhere.toml"]) == 2
    assert "nowhere.toml" in capsys.readouterr().err
