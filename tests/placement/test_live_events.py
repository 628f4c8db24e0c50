"""Long sequences of events: after each the plan keeps every rule of the problem as it is then."""

import random

import pytest
from msgspec.structs import replace

from lunaredge.placement.check import check
from lunaredge.placement.engine import Planner
from lunaredge.placement.live import LivePlan
from lunaredge.placement.problem import Task
from tests.placement.judge import violations
from tests.placement.problems import random_problem

EVENTS = 12
SITES = 40


class Story:
    """A site with spare tasks that come in later, and what happens to it."""

    def __init__(self, seed: str) -> None:
        self.dice = random.Random(seed)
        task_count, node_count = self.dice.randrange(4, 16), self.dice.randrange(1, 7)
        whole, self.travel = random_problem(self.dice, task_count + 5, node_count)
        fixed = {t.id for t in whole.tasks if t.current is not None and t.current.is_fixed}
        names = {task.id for task in whole.tasks[task_count:]} - fixed
        # Who meets one that comes later does not say so: the other will, if it meets anybody.
        self.spare = [alone(task) for task in whole.tasks if task.id in names]
        tasks = (
            replace(task, meets=None if task.meets in names else task.meets)
            for task in whole.tasks
            if task.id not in names
        )
        self.problem = replace(whole, tasks=tuple(tasks))
        planner = Planner(self.problem, self.travel)
        planner.improve(steps=50)
        units = self.dice.choice((0, 9, 20, 300))
        self.live = LivePlan(self.problem, self.travel, planner.plan(), event_units=units)
        self.lost: list[str] = []

    def happen(self) -> str:
        """Let something happen; say what."""
        kinds = [self.lose, self.regain, self.come, self.go, self.put_off]
        return self.dice.choice(kinds)()

    def lose(self) -> str:
        node = self.dice.choice(self.problem.nodes).id
        self.lost.append(node)
        self.live.lose(node)
        return f"lose {node}"

    def regain(self) -> str:
        if not self.lost:
            return "nothing"
        node = self.lost.pop(self.dice.randrange(len(self.lost)))
        self.live.regain(node)
        return f"regain {node}"

    def come(self) -> str:
        if not self.spare:
            return "nothing"
        task = self.spare.pop()
        now = self.live.problem.tasks
        free = [one.id for one in now if is_free(one, now)]
        if free and self.dice.random() < 0.4:
            task = replace(task, meets=self.dice.choice(free))
        self.live.add(task)
        return f"add {task}"

    def go(self) -> str:
        names = [task.id for task in self.live.problem.tasks if not fixed(task)]
        if not names:
            return "nothing"
        name = self.dice.choice(names)
        gone = {task.id: task for task in self.live.problem.tasks}[name]
        self.live.cancel(name)
        if self.dice.random() < 0.5:
            self.spare.append(alone(gone))
        return f"cancel {name}"

    def put_off(self) -> str:
        tasks = self.live.problem.tasks
        if not tasks:
            return "nothing"
        task, horizon_s = self.dice.choice(tasks), self.problem.horizon_s
        time_s = self.dice.randrange(-5, horizon_s)
        kind = self.dice.choice(("due", "latest", "release", "approved"))
        if kind == "due":
            self.live.move_due(task.id, time_s)
        elif kind == "latest":
            self.live.move_latest(task.id, self.dice.choice((None, time_s)))
        elif kind == "release":
            self.live.move_release(task.id, time_s // 4)
        else:
            self.live.approve(task.id, self.dice.choice((None, time_s // 4)))
        return f"{kind} of {task.id}: {time_s}"


def alone(task: Task) -> Task:
    return replace(task, meets=None)


def fixed(task: Task) -> bool:
    return task.current is not None and task.current.is_fixed


def is_free(task: Task, tasks: tuple[Task, ...]) -> bool:
    met = {one.meets for one in tasks}
    return task.meets is None and task.id not in met and not fixed(task)


@pytest.mark.parametrize("batch", range(10))
def test_after_every_event_of_a_story_every_rule_is_kept(batch: int) -> None:
    for seed in range(batch * SITES, (batch + 1) * SITES):
        story = Story(f"story {seed}")
        told = []

        for _ in range(EVENTS):
            told.append(story.happen())

            problem, plan = story.live.problem, story.live.plan()
            assert check(problem, story.travel) == problem
            assert violations(problem, story.travel, plan) == [], (seed, told)


@pytest.mark.parametrize("seed", range(20))
def test_an_event_tells_all_that_it_changes_and_nothing_else(seed: int) -> None:
    story = Story(f"told {seed}")
    changes = []
    for name in ("lose", "regain", "add", "cancel", "move_due", "move_latest", "move_release"):
        heard = getattr(story.live, name)
        setattr(story.live, name, lambda *a, heard=heard: changes.append(heard(*a)))

    for _ in range(EVENTS):
        before = {item.task: place(item) for item in story.live.plan().placed}
        story.happen()
        now = {item.task: place(item) for item in story.live.plan().placed}

        changed = {name for name in {*before, *now} if before.get(name) != now.get(name)}
        told = set(changes.pop()) if changes else changed
        # Who was struck off is told, placed or not.
        there = {task.id for task in story.live.problem.tasks}
        assert told & (there | changed) == changed


def place(item: object) -> tuple[object, ...]:
    charge = item.charge
    times = () if charge is None else (charge.place, charge.begin_s, charge.end_s)
    return (item.node, item.start_s, item.end_s, *times)
