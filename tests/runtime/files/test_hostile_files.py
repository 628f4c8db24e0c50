"""Whatever a file holds, a loader gives its values or raises one ConfigError of one line."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lunaredge.errors import ConfigError
from lunaredge.examples import demo_site
from lunaredge.runtime.files.contact_file import load_contacts
from lunaredge.runtime.files.fleet_file import load_fleet
from lunaredge.runtime.files.geotiff import read_tile
from lunaredge.runtime.files.order_file import load_order
from lunaredge.runtime.files.site_file import load_site
from tests.runtime.files.refusals import is_fair, refusal
from tests.runtime.files.writing import flat_tile

DEMO = demo_site()
SITE = load_site(DEMO / "site.toml")
LOADERS: dict[str, Callable[[Path], object]] = {
    "fleet.toml": lambda path: load_fleet(path, SITE),
    "order.yaml": load_order,
    "contacts.json": load_contacts,
    "site.toml": load_site,
}
ODD = [
    b"",
    b"\x00",
    b"\xff",
    b"nan",
    b"-1e999",
    b"9" * 5000,
    b"&a ",
    b"*a",
    b"!!int ",
    b"<<: ",
    b"{",
    b"]",
]
ODD += [
    "\ud800".encode("utf-8", "surrogatepass"),
    b"\\ud800",
    b"'",
    b'"',
    b"\n",
    b"1e-320",
    b"null",
    b"[[]]",
]

quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def is_fair_to(path: Path, refused: ConfigError | None) -> bool:
    """Tell whether the file was read, or refused in one short line that names its folder."""
    return is_fair(refused) and (refused is None or str(path.parent) in refused.place)


@pytest.mark.parametrize("name", LOADERS)
@quick
@given(at=st.floats(0, 1), odd=st.sampled_from(ODD), eaten=st.integers(0, 40))
def test_a_file_with_something_odd_in_it_is_read_or_refused(tmp_path, name, at, odd, eaten):
    content = (DEMO / name).read_bytes()
    index = int(at * len(content))
    path = tmp_path / name
    path.write_bytes(content[:index] + odd + content[index + eaten :])

    assert is_fair_to(path, refusal(LOADERS[name], path))


@pytest.mark.parametrize("name", LOADERS)
@quick
@given(at=st.floats(0, 1))
def test_a_file_cut_short_is_read_or_refused(tmp_path, name, at):
    content = (DEMO / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(content[: int(at * len(content))])

    assert is_fair_to(path, refusal(LOADERS[name], path))


@pytest.mark.parametrize("name", LOADERS)
@quick
@given(content=st.binary(max_size=300))
def test_noise_is_read_or_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)

    assert is_fair_to(path, refusal(LOADERS[name], path))


@settings(quick, max_examples=300)
@given(
    changes=st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=4),
    kept=st.integers(0, 2500),
)
def test_a_tile_with_broken_bytes_is_read_or_refused(tmp_path, changes, kept):
    path = flat_tile(tmp_path / "tile.tif")
    content = bytearray(path.read_bytes())
    for index, value in changes:
        content[index] = value
    path.write_bytes(content[:kept] if kept < len(content) and kept % 5 == 0 else content)

    assert is_fair_to(path, refusal(read_tile, path))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("order.yaml", b"a: " + b"[" * 500_000),
        ("order.yaml", b"- " * 250_000),
        ("order.yaml", b"? " * 250_000),
        ("order.yaml", b"a:\n" * 170_000),
        ("order.yaml", b"tasks:\n" + b"- {id: a}\n" * 50_000),
        ("order.yaml", b"x" * 500_000),
        ("order.yaml", b'"' + b"\\x41" * 120_000 + b'"'),
        ("fleet.toml", b"a." * 250_000 + b"a = 1"),
        ("fleet.toml", b"['a' . " * 70_000),
        ("fleet.toml", b'"a" . ' * 80_000 + b"a = 1"),
        ("fleet.toml", b"a" * 500_000),
        ("fleet.toml", b"a " * 250_000),
        ("fleet.toml", b'"' * 500_000),
        ("fleet.toml", b"a='" * 150_000),
        ("fleet.toml", b"a.a.a.a.a.a.a.a.a.a.a.a.a.a,\n" * 15_000),
        ("fleet.toml", b"[a.a.a.a.a.a.a.a]\n" * 25_000),
        ("fleet.toml", b"".join(b"[[a%d]]\n" % i for i in range(40_000))),
        ("fleet.toml", b"a = " + b"{a=" * 150_000),
        ("contacts.json", b'{"a":' * 80_000),
        ("contacts.json", b"[" + b"{}," * 150_000 + b"{}]"),
        ("site.toml", b"boundary = [" + b"[1,1]," * 80_000 + b"]"),
    ],
)
def test_the_worst_file_of_the_largest_size_is_refused_within_seconds(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)

    start_s = time.process_time()
    with pytest.raises(ConfigError):
        LOADERS[name](path)

    assert time.process_time() - start_s < 20.0
