"""Whatever a scene file holds, it is read or refused in one line; in time and memory."""

import json
import time

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lunaredge.runtime.files.route_scene import JSON_BYTES_MAX, load_scene
from tests.runtime.files.mutations import changed
from tests.runtime.files.refusals import is_fair, refusal
from tests.runtime.files.scenes import GEOJSON, YAML
from tests.runtime.files.test_hostile_files import ODD

# On a slow shared core; none takes a tenth of it.
LOAD_S_MAX = 20.0
quick = settings(
    max_examples=settings().max_examples,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@quick
@given(tree=changed(yaml.safe_load(YAML)))
def test_a_scene_with_a_wrong_value_is_read_or_refused(tmp_path, tree):
    path = tmp_path / "scene.yaml"
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), "utf-8", "replace")

    assert is_fair(refusal(load_scene, path))


@quick
@given(tree=changed(json.loads(GEOJSON)))
def test_a_map_with_a_wrong_value_is_read_or_refused(tmp_path, tree):
    path = tmp_path / "scene.geojson"
    path.write_text(json.dumps(tree, default=str))

    assert is_fair(refusal(load_scene, path))


@pytest.mark.parametrize(("name", "text"), [("scene.yaml", YAML), ("scene.geojson", GEOJSON)])
@quick
@given(at=st.floats(0, 1), odd=st.sampled_from(ODD), eaten=st.integers(0, 40))
def test_a_scene_with_something_odd_in_it_is_read_or_refused(tmp_path, name, text, at, odd, eaten):
    content = text.encode()
    index = int(at * len(content))
    path = tmp_path / name
    path.write_bytes(content[:index] + odd + content[index + eaten :])

    assert is_fair(refusal(load_scene, path))


def test_what_is_changed_here_is_sound_before(tmp_path):
    (tmp_path / "scene.yaml").write_text(YAML)
    (tmp_path / "scene.geojson").write_text(GEOJSON)

    assert refusal(load_scene, tmp_path / "scene.yaml") is None
    assert refusal(load_scene, tmp_path / "scene.geojson") is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("scene.yaml", b"routes:\n" + b"- {knots: [[0, 0, 0, 0]]}\n" * 5_000),
        ("scene.yaml", b"zones: [" + b"[1,1]," * 20_000 + b"]"),
        ("scene.geojson", b'{"type":"FeatureCollection","features":[' + b"{}," * 300_000 + b"{}]}"),
        ("scene.geojson", b'{"a":' * 1_000_000),
        ("scene.geojson", b" " * (JSON_BYTES_MAX + 1)),
    ],
)
def test_a_large_scene_of_nonsense_is_refused_in_time(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    start_s = time.process_time()

    assert refusal(load_scene, path) is not None

    assert time.process_time() - start_s < LOAD_S_MAX
