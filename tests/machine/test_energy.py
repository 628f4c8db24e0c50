import pytest

from lunaredge.machine.energy import Battery, dig_power_w, drive_power_w
from tests.machine.proving_ground import spec


def test_full_speed_on_the_level_draws_the_rated_power() -> None:
    assert drive_power_w(spec(), 0.5, 0.0) == pytest.approx(130.0)


def test_uphill_costs_more_and_downhill_gives_nothing_back() -> None:
    level = drive_power_w(spec(), 0.3, 0.0)

    assert drive_power_w(spec(), 0.3, 10.0) > level
    assert drive_power_w(spec(), 0.3, -10.0) == level


def test_digging_draws_the_rated_energy_for_each_kilogram() -> None:
    machine = spec()
    battery = Battery(machine)

    battery.draw(dig_power_w(machine) - machine.idle_w, 0.0, 100.0)

    dug_kg = machine.dig_kg_s * 100.0
    assert machine.battery_wh - battery.charge_wh == pytest.approx(dug_kg * machine.dig_wh_kg)


def test_one_long_wait_equals_many_short_ones() -> None:
    long, short = Battery(spec()), Battery(spec())

    long.draw(130.0, 0.0, 3600.0)
    for _ in range(3600):
        short.draw(130.0, 0.0, 1.0)

    assert short.charge_wh == pytest.approx(long.charge_wh)
    assert short.motor_c == pytest.approx(long.motor_c)


def test_a_battery_stops_at_empty_and_at_full() -> None:
    battery = Battery(spec())

    battery.draw(500.0, 0.0, 24 * 3600.0)
    assert battery.empty
    assert battery.charge_wh_min == 0.0

    battery.draw(30.0, 300.0, 24 * 3600.0)
    assert battery.full
    assert battery.charge_wh == 1000.0


def test_a_working_motor_warms_toward_its_balance() -> None:
    battery = Battery(spec())

    battery.draw(130.0, 0.0, 600.0)
    warm_c = battery.motor_c
    battery.draw(130.0, 0.0, 36_000.0)

    assert -20.0 < warm_c < battery.motor_c
    assert battery.motor_c == pytest.approx(5.0, abs=0.1)
