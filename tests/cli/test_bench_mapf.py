"""The benchmark for many machines: its scenes, and what it says of them."""

from pathlib import Path

import numpy as np
import pytest

from lunaredge.cli.bench import mapf
from lunaredge.cli.bench.mapf_scenes import drawn_scenes, read_scenes
from lunaredge.cli.bench.row import BenchOptions
from lunaredge.errors import ConfigError
from lunaredge.paths.grid_fleet import UnsolvedReason

MAP = "type octile\nheight 2\nwidth 3\nmap\n.G@\n..S\n"
SCENARIO = "version 1\n0\tsmall.map\t3\t2\t0\t0\t2\t1\t3\n0\tsmall.map\t3\t2\t1\t1\t0\t0\t2\n"


def write(folder: Path, scenario: str = SCENARIO, grid: str = MAP) -> str:
    (folder / "small.map").write_text(grid, encoding="utf-8")
    (folder / "small-even-1.scen").write_text(scenario, encoding="utf-8")
    return str(folder)


def by_metric(rows):
    return {row.metric: row for row in rows}


def test_a_scenario_is_read_by_column_and_row(tmp_path):
    scenes = list(read_scenes(write(tmp_path)))

    assert [scene.name for scene in scenes] == ["small-even-1, 2 machines"]
    assert scenes[0].grid.free.tolist() == [[True, True, False], [True, True, True]]
    assert scenes[0].starts.tolist() == [0, 4]
    assert scenes[0].goals.tolist() == [5, 0]


@pytest.mark.parametrize(
    ("scenario", "grid", "says"),
    [
        ("version 1\n0 small.map 3 2 0 0 2\n", MAP, "line 2"),
        (SCENARIO.replace("2\t1\t3", "3\t1\t3"), MAP, "off the map"),
        (SCENARIO.replace("small.map", "other.map"), MAP, "other.map"),
        ("version 1\n", MAP, "at least one machine"),
        (SCENARIO, MAP + "....\n", "equal rows"),
        (SCENARIO, "type octile\n", "4 lines"),
    ],
)
def test_files_of_another_format_are_refused(tmp_path, scenario, grid, says):
    with pytest.raises(ConfigError, match=says):
        list(read_scenes(write(tmp_path, scenario, grid)))


def test_a_folder_without_scenarios_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="scen"):
        list(read_scenes(str(tmp_path)))


def test_drawn_scenes_are_the_same_each_time_and_fit_their_maps():
    scenes, again = list(drawn_scenes()), list(drawn_scenes())

    for scene, same in zip(scenes, again, strict=True):
        assert np.array_equal(scene.grid.free, same.grid.free)
        assert np.array_equal(scene.starts, same.starts)
        assert scene.grid.free.ravel()[scene.starts].all()
        assert scene.grid.free.ravel()[scene.goals].all()
        assert len(scene.starts) == len(scene.goals) == int(scene.name.split()[-2])


def test_a_scene_gets_four_rows_and_says_why_there_is_no_peer(tmp_path):
    rows = by_metric(mapf.rows(BenchOptions(seconds=0.2, data=write(tmp_path))))

    assert set(rows) == {"solved", "first_plan_ms", "sum_of_costs", "cost_over_bound"}
    assert rows["solved"].ours == 1.0
    assert rows["solved"].peer is None
    assert "No peer" in rows["solved"].note
    assert rows["sum_of_costs"].ours == 5.0
    assert rows["cost_over_bound"].ours == 1.0


def test_a_scene_without_a_plan_is_a_row_with_its_reason(tmp_path):
    data = write(
        tmp_path, SCENARIO.replace("1\t1\t0\t0\t2", "1\t0\t0\t0\t1"), "t\nh\nw\nm\n..@\n.@.\n"
    )

    rows = by_metric(mapf.rows(BenchOptions(seconds=0.2, data=data)))

    assert rows["solved"].ours == 0.0
    assert UnsolvedReason.UNREACHABLE in rows["solved"].note
    assert rows["first_plan_ms"].ours is None
