import pytest

from lunaredge.machine.grid import Strip
from lunaredge.machine.ground import PILES_MAX, SCAN_NOISE_M, Ground
from tests.machine.proving_ground import site

# One strip over the whole pad, from west to east.
PAD = Strip(x_m=60.5, y_m=46.0, ux=1.0, uy=0.0, back_m=21.0, half_width_m=6.0)


def rough(x_m: float, y_m: float) -> float:
    return 0.02 * x_m + 0.05 * ((x_m // 5 + y_m // 5) % 2)


def test_a_blade_brings_a_zone_to_its_design_plane() -> None:
    ground = Ground(site(rough))
    before = ground.coverage()["pad"]["graded_ratio"]

    ground.blade(PAD)

    assert before == 0.0
    assert ground.coverage()["pad"]["graded_ratio"] == 1.0
    slope = ground.height_m(58.0, 46.0) - ground.height_m(42.0, 46.0)
    assert slope == pytest.approx(16 * 0.02, abs=0.05)


def test_grading_moves_ground_and_makes_none() -> None:
    ground = Ground(site(rough))
    cells = ground._zone_cells["pad"]
    before = ground._heights[cells].mean()

    ground.blade(PAD)

    assert ground._heights[cells].mean() == pytest.approx(before)


def test_a_blade_cuts_no_deeper_than_one_pass_can() -> None:
    ground = Ground(site(lambda x, y: 3.0 if 45 < x < 50 else 0.0))

    ground.blade(PAD)
    once = ground.coverage()["pad"]["graded_ratio"]
    for _ in range(10):
        ground.blade(PAD)

    assert once < 1.0
    assert ground.coverage()["pad"]["graded_ratio"] == 1.0


def test_a_blade_leaves_ground_outside_work_zones_alone() -> None:
    ground = Ground(site(rough))
    before = ground.height_m(80.0, 80.0)

    ground.blade(Strip(x_m=90.0, y_m=80.0, ux=1.0, uy=0.0, back_m=20.0, half_width_m=2.0))

    assert ground.height_m(80.0, 80.0) == before


def test_flat_ground_that_no_blade_passed_is_not_graded() -> None:
    assert Ground(site()).coverage()["pad"]["graded_ratio"] == 0.0


def test_a_roller_compacts_what_it_passes() -> None:
    ground = Ground(site())
    west = Strip(x_m=50.0, y_m=46.0, ux=1.0, uy=0.0, back_m=15.0, half_width_m=6.0)

    ground.roll(west)

    assert ground.coverage()["pad"]["compacted_ratio"] == pytest.approx(0.5)


def test_a_scan_gives_each_cell_once_a_pass_and_close_to_the_truth() -> None:
    ground = Ground(site(rough))

    first = ground.scan(PAD, 1)
    again = ground.scan(PAD, 1)
    next_pass = ground.scan(PAD, 2)

    assert len(first) == len({(x, y) for x, y, _ in first}) >= 240
    assert again == []
    assert [point[:2] for point in next_pass] == [point[:2] for point in first]
    assert next_pass != first
    assert ground.coverage()["pad"]["surveyed_ratio"] == 1.0
    for x_m, y_m, z_m in first:
        assert abs(z_m - ground.height_m(x_m, y_m)) <= SCAN_NOISE_M


def test_dug_mass_lowers_the_pit_and_raises_the_pile() -> None:
    ground = Ground(site())
    ground.open_pile("heap", 0.0, 0.0)

    ground.dig("pit", "heap", 1600.0)

    assert ground.pits_kg() == {"pit": 1600.0}
    assert ground.piles_kg() == {"heap": 1600.0}
    assert ground.height_m(26.0, 20.0) == pytest.approx(-1.0 / 16.0)
    assert ground.height_m(17.5, 20.0) == pytest.approx(1.0 / 0.85 / 12.0)


def test_a_pile_taken_away_leaves_level_ground() -> None:
    ground = Ground(site())
    ground.open_pile("heap", 0.0, 0.0)

    ground.heap("heap", 500.0)
    ground.heap("heap", -500.0)

    assert ground.pile_kg("heap") == 0.0
    assert ground.height_m(17.5, 20.0) == pytest.approx(0.0)


def test_a_pile_without_a_zone_lies_where_it_was_opened() -> None:
    ground = Ground(site())

    ground.open_pile("spoil", 80.0, 80.0)

    reach_m = ground.reach_m("spoil", 83.0, 80.0)
    assert reach_m is not None
    assert reach_m == pytest.approx(1.5, abs=0.3)
    assert ground.reach_m("nowhere", 0.0, 0.0) is None


def test_piles_are_bounded() -> None:
    ground = Ground(site())

    opened = [ground.open_pile(f"pile-{index}", 50.0, 50.0) for index in range(PILES_MAX + 1)]

    assert opened.count(True) == PILES_MAX
    assert not opened[-1]
    assert ground.open_pile("pile-0", 50.0, 50.0)
