"""The work orders of the generated sites: areas made level, pits, and what computers are asked.

Quantities and rates are of the reference scenario at the Connecting Ridge (`placement_site_fleet`
has the machines): a survey's lines are 5 m apart at 0.2 m/s, a blade is 2 m wide, a roller 1.5 m,
a drum digs 112 kg/h at 4 Wh/kg, a hauler carries 80 kg.
"""

import random
from collections.abc import Callable

import msgspec

from lunaredge.cli.bench.placement_site_fleet import HOUR_S, KINDS, WH_J
from lunaredge.placement.problem import After, Apart, Level, Mode, Resources, Task

_LOAD_KG, _DIG_KG_S, _DIG_WH_KG = 80, 0.031, 4.0
_SCAN_M, _BLADE_M, _ROLLER_M = 5.0, 2.0, 1.5
_SLOW_M_S, _ROLL_M_S = 0.2, 0.3
_REPLICAS = 3
# Tasks of the longest order.
_ORDER_MAX = 9


class Order(msgspec.Struct, frozen=True):
    """What the tasks of one order share."""

    name: str
    weight: int
    release_s: int


class Work(msgspec.Struct, frozen=True):
    """What a machine does in a task."""

    name: str
    kind: str
    family: str
    duration_s: int
    power_w: int


class Orders:
    """Draws order after order, until there are so many tasks."""

    def __init__(self, dice: random.Random, place_count: int, computer_count: int) -> None:
        self.tasks: list[Task] = []
        self._dice = dice
        self._places = place_count
        # On boards of their own, if need be, and there are two computers to a board.
        self._replicas = min(_REPLICAS, (computer_count + 1) // 2)

    def fill(self, count: int) -> None:
        """Draw areas, pits and jobs in turn, the last with single jobs."""
        kinds: tuple[Callable[[Order], list[Task]], ...] = (self._area, self._pit, self._jobs)
        # The last orders are cut short: which they are is left to chance.
        number = first = self._dice.randrange(len(kinds))
        while len(self.tasks) < count:
            draw = (
                kinds[number % len(kinds)] if count - len(self.tasks) >= _ORDER_MAX else self._job
            )
            tasks = draw(self._order(number - first, count))
            self.tasks += tasks
            number += 1
        assert len(self.tasks) == count

    def _order(self, number: int, count: int) -> Order:
        priority = self._dice.randint(1, 9)
        # What comes in while others work; a big site gets more of it for longer.
        window_h = 2.0 if count <= 200 else 10.0
        release_s = int(self._dice.uniform(-0.5, 1.0) * window_h * HOUR_S)
        return Order(f"o{number}", (10 - priority) ** 2, release_s)

    def _area(self, order: Order) -> list[Task]:
        """Survey, fuse and plan, grade once or twice, compact, inspect, look at the pictures."""
        side_m = self._dice.uniform(24.0, 48.0)
        place, far = self._place(), self._place()
        survey_s = int(side_m**2 / _SCAN_M / _SLOW_M_S)
        survey = self._machine(order, place, Work("survey", "scout", "survey", survey_s, 110))
        survey = _with(survey, end_place=far)
        fuse = self._compute(order, "fuse", 600, survey.id, accelerators=0)
        steps = [survey, fuse, self._compute(order, "plan", 300, fuse.id, accelerators=0)]
        # Half of it is touched, in two passes.
        grade_s = int(side_m**2 / _BLADE_M / _SLOW_M_S)
        for family in ("rough", "fine")[self._dice.randint(0, 1) :]:
            grade = Work(f"grade-{family}", "dozer", family, grade_s, 300)
            steps.append(_with(self._machine(order, place, grade), after=_after(steps[-1])))
        steps.append(_with(self._compact(order, place, side_m), after=_after(steps[-1])))
        inspect = self._machine(order, place, Work("inspect", "scout", "inspect", 900, 90))
        light = self._dice.random() < 0.5
        steps.append(_with(inspect, after=_after(steps[-1]), needs_light=light))
        steps.append(self._compute(order, "look", 400, inspect.id, accelerators=1))
        return steps

    def _compact(self, order: Order, place: int, side_m: float) -> Task:
        compact_s = int(side_m**2 / _ROLLER_M / _ROLL_M_S)
        work = Work("compact", "compactor", "fine", compact_s, 260)
        task = self._machine(order, place, work)
        # A dozer does it too, with its tracks.
        slow_s = compact_s * 3 // 2
        slower = Mode(kind="dozer", duration_s=slow_s, energy_j=slow_s * 280)
        return _with(task, modes=(*task.modes, slower))

    def _pit(self, order: Order) -> list[Task]:
        """Dig so many loads, each into a hauler that stands there, and spread them at the dump."""
        pit, dump = self._place(), self._place()
        family = self._dice.choice(("pit", "pit", "trench"))
        dig_s = int(_LOAD_KG / _DIG_KG_S)
        dig_w = int(_LOAD_KG * _DIG_WH_KG * WH_J / dig_s) + KINDS["excavator"].idle_w
        steps: list[Task] = []
        loads: list[tuple[Task, Task]] = []
        for k in range(self._dice.randint(2, 4)):
            work = Work(f"dig-{k}", "excavator", family, dig_s, dig_w)
            carry = Work(f"haul-{k}", "hauler", "haul", dig_s + 600, 120)
            haul = self._machine(order, pit, carry)
            haul = _with(haul, end_place=dump, needs=Resources(payload_kg=_LOAD_KG))
            # Two may work in a pit at once.
            before = tuple(After(task=pair[0].id) for pair in loads[k - 2 : k - 1])
            dig = _with(self._machine(order, pit, work), meets=haul.id, after=before)
            loads.append((dig, haul))
            steps += (dig, haul)
        spread = self._machine(order, dump, Work("spread", "dozer", "rough", 1_500, 300))
        after = tuple(After(task=haul.id, lag_s=60) for _, haul in loads)
        return [*steps, _with(spread, after=after)]

    def _jobs(self, order: Order) -> list[Task]:
        """Perceive, then plan; and replicas of a watch that are kept apart."""
        see = self._compute(order, "see", 900, "", accelerators=1)
        think = self._compute(order, "think", 600, see.id, accelerators=0)
        level = self._dice.choice((Level.NODE, Level.BOARD, Level.RACK))
        length_s = self._dice.randint(1_800, 7_200)
        watches = [
            _with(
                self._compute(order, f"watch-{k}", length_s, "", accelerators=0),
                apart=Apart(group=order.name, level=level) if self._replicas > 1 else None,
            )
            for k in range(self._replicas)
        ]
        return [see, think, *watches]

    def _job(self, order: Order) -> list[Task]:
        length_s = self._dice.randint(600, 3_600)
        return [self._compute(order, "job", length_s, "", accelerators=self._dice.randint(0, 1))]

    def _machine(self, order: Order, place: int, work: Work) -> Task:
        duration_s = int(work.duration_s * self._dice.uniform(0.9, 1.1))
        mode = Mode(kind=work.kind, duration_s=duration_s, energy_j=duration_s * work.power_w)
        return Task(
            id=f"{order.name}.{work.name}",
            modes=(mode,),
            needs=Resources(tools=1),
            capabilities=(work.family,),
            weight=order.weight,
            release_s=order.release_s,
            place=place,
            family=work.family,
        )

    def _compute(
        self, order: Order, name: str, length_s: int, after: str, *, accelerators: int
    ) -> Task:
        length_s = int(length_s * self._dice.uniform(0.7, 1.5))
        cpu_mcores = self._dice.choice((500, 1_000, 2_000, 4_000))
        power_w = 10 + cpu_mcores // 100 + 90 * accelerators
        fast = Mode(kind="server", duration_s=length_s, energy_j=length_s * power_w)
        slow_s = length_s * 2
        slow = Mode(kind="board", duration_s=slow_s, energy_j=slow_s * power_w // 4)
        return Task(
            id=f"{order.name}.{name}",
            modes=(fast,) if accelerators else (fast, slow),
            needs=Resources(
                cpu_mcores=cpu_mcores,
                memory_mib=self._dice.choice((512, 2_048, 6_144)),
                storage_mib=self._dice.choice((0, 4_096, 16_384)),
                accelerators=accelerators,
                power_w=power_w if accelerators else power_w // 4,
                link_kbit_s=self._dice.choice((0, 2_000, 20_000)),
            ),
            capabilities=("compute",),
            weight=order.weight,
            release_s=order.release_s,
            after=(After(task=after),) if after else (),
        )

    def _place(self) -> int:
        return self._dice.randrange(self._places)


def _after(task: Task) -> tuple[After, ...]:
    return (After(task=task.id),)


def _with(task: Task, **changes: object) -> Task:
    return msgspec.structs.replace(task, **changes)
