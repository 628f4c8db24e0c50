import os

import pytest

from lunaredge.errors import ConfigError
from lunaredge.runtime.files.document import DOCUMENT_BYTES_MAX, key_text
from lunaredge.runtime.files.parsing import load_document

BILLION_LAUGHS = "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [*b, *b, *b]\n"


def refusal(path, content=None):
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        load_document(path)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", "a = 1\nb = [1.5, 'x']\n"),
        ("a.yaml", "a: 1\nb: [1.5, x]\n"),
        ("a.yml", "a: 1\nb:\n- 1.5\n- x\n"),
        ("a.json", '{"a": 1, "b": [1.5, "x"]}'),
    ],
)
def test_each_format_gives_the_same_plain_values(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)

    document = load_document(path)

    assert document.value == {"a": 1, "b": [1.5, "x"]}


def test_yaml_errors_name_the_line_of_the_nearest_known_place(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\nb:\n  - c: 2\n  - c: 3\n")

    document = load_document(path)
    present = document.error("wrong", ("b", 1, "c"), 3, "mend it")
    absent = document.error("missing", ("b", 1, "d"), None, "add it")

    assert str(present) == f"{path}:4: b[1].c: wrong, got 3; mend it"
    assert absent.place == f"{path}:4"


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.toml", "a = 1\na = 2\n", "line 2"),
        ("a.json", '{"a": 1, "a": 2}', "twice"),
        ("a.yaml", "a: 1\nb: 2\na: 2\n", "twice"),
    ],
)
def test_a_doubled_key_is_refused_in_every_format(tmp_path, name, text, problem):
    assert problem in str(refusal(tmp_path / name, text))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BILLION_LAUGHS, "aliases are not read"),
        ("a: !!python/object/apply:os.system [id]\n", "tags are not read"),
        ("a: !!binary aGVsbG8=\n", "tags are not read"),
        ("on: 1\n", "a key is not text"),
        ("[1, 2]: 3\n", "a key is not text"),
        ("a: 2028-13-45\n", "the value cannot be read"),
        (f"a: {'9' * 5000}\n", "the value cannot be read"),
        ("a: [1,\n", "not valid YAML"),
        ("a: 1\n---\nb: 2\n", "not valid YAML"),
        ("a: \x01\n", "not valid YAML"),
    ],
)
def test_dangerous_or_broken_yaml_is_refused(tmp_path, text, problem):
    assert problem in refusal(tmp_path / "a.yaml", text).problem


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"NaN": 1,\n"b": [{"c": NaN}]}', "2: b[0].c: not a number in JSON, got 'NaN'; give"),
        ("[1,\n-Infinity]", "2: [1]: not a number in JSON, got '-Infinity'; give a finite"),
        ('{"a": {"k": 1,\n"b": [],\n"k": 2}}', "3: a.k: a key is there twice, got 'k'; keep one"),
        ('{"ka": "{",\n"k\\u0061": 2}', "2: ka: a key is there twice, got 'ka'; keep one"),
        (f'{{"s": "{"1" * 5000}",\n"n": -{"9" * 5000}}}', "2: n: the number is too long, got '50"),
    ],
)
def test_what_json_has_no_word_for_is_told_with_its_line_and_key(tmp_path, text, said):
    assert f"a.json:{said}" in str(refusal(tmp_path / "a.json", text))


def test_a_number_of_toml_that_is_too_long_is_told_in_our_words(tmp_path):
    told = str(refusal(tmp_path / "a.toml", f"a = {'9' * 5000}"))

    assert "a number is too long" in told
    assert "sys." not in told


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": [1, 2', "not valid JSON"),
        ('{"a": NaN}', "not a number"),
        (f'{{"a": {"9" * 5000}}}', "the number is too long"),
        ("", "empty"),
    ],
)
def test_broken_json_is_refused(tmp_path, text, problem):
    assert problem in refusal(tmp_path / "a.json", text).problem


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "[" * 200_000),
        ("a.json", "[" * 20 + "]" * 20),
        ("a.toml", "a = " + "[" * 200_000),
        ("a.toml", ".".join(["a"] * 5000) + " = 1\n"),
        ("a.yaml", "[" * 200_000),
        ("a.yaml", "- " * 5000 + "1"),
    ],
)
def test_deep_nesting_is_refused_without_running_off_the_stack(tmp_path, name, text):
    assert "nested too deeply" in refusal(tmp_path / name, text).problem


def test_a_file_over_the_bound_is_refused_unread(tmp_path):
    path = tmp_path / "a.yaml"
    with path.open("wb") as stream:
        stream.truncate(10 * 1024 * 1024)

    error = refusal(path)

    assert error.value == f"more than {DOCUMENT_BYTES_MAX} bytes"


def test_a_folder_without_a_suffix_is_called_a_folder_and_a_name_too_long_is_no_crash(tmp_path):
    assert refusal(tmp_path).problem == "this is a folder"
    assert refusal(tmp_path / ("n" * 300)).problem == "the file type is not known"


def test_what_is_not_a_regular_file_is_refused_without_opening_it(tmp_path):
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    folder = tmp_path / "folder.toml"
    folder.mkdir()

    assert "not a regular file" in refusal(pipe).problem
    assert "not a regular file" in refusal(folder).problem


def test_a_missing_file_a_strange_path_and_a_strange_suffix_are_named(tmp_path):
    assert "no such file" in refusal(tmp_path / "none.toml").problem
    assert "cannot be read" in refusal(tmp_path / f"{'x' * 300}.toml").problem
    assert "cannot be read" in refusal(tmp_path / "a\0b.toml").problem
    assert refusal(tmp_path / "a.ini", "a").value == ".ini"


def test_text_that_is_not_utf8_is_refused_with_the_byte(tmp_path):
    assert "byte 5 is not UTF-8" in refusal(tmp_path / "a.yaml", b"a: \xc3\xa9\xff").problem


def test_an_error_stays_on_one_line_whatever_a_key_holds():
    assert key_text(("zones", 3, "polygon", 0)) == "zones[3].polygon[0]"
    assert key_text(("a\nb",)) == "'a\\nb'"
    assert key_text(()) == "the whole file"
