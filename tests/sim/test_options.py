import random

from lunaredge.sim.options import draw, told


def test_what_was_drawn_is_told_by_group_and_what_is_nothing_is_left_out() -> None:
    options = draw(random.Random(3))

    lines = told(options)

    assert any(line.startswith("site: delay_ns_min ") for line in lines)
    assert f"safety_s {options.safety_s}" in lines[0]
    assert not [line for line in lines if line.endswith((" 0", ": ")) or " 0," in line]
