"""The work order file: tasks and what each kind of task must say.

Owns the form only. Cycles, unknown zones, work that no machine can do and goals in keep-out zones
are refused by the scheduler at submit, which knows the site and the fleet.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from lunaredge.ids import NodeId, OrderId, TaskId
from lunaredge.model.task import Task, TaskKind, WorkOrder
from lunaredge.runtime.files.fields import (
    POINT_RULE,
    Name,
    Point,
    Written,
    name,
    number,
    positive,
    text,
    validated,
)
from lunaredge.runtime.files.parsing import load_document

# A year of work for the largest site comes in many orders; one is still read in under a second.
TASKS_MAX = 1000
AFTER_MAX = 64
# A year.
SPAN_S_MAX = 31_536_000

_NAMES_RULE = f"a list of at most {AFTER_MAX} names"
_Names = tuple[Name, ...]


class _TaskPart(Written):
    """What every task says."""

    id: Annotated[Name, name("the task's; unique in the order")]
    after: Annotated[
        _Names,
        Field(max_length=AFTER_MAX, description=f"{_NAMES_RULE}: tasks that must be done first"),
    ] = ()
    priority: Annotated[int, number("rank", 1, 9, "1 is placed first, 9 last")] = 5
    needs_earth: Annotated[
        bool, Field(description="true or false: wait for Earth's approval before it starts")
    ] = False
    only_on: Annotated[
        _Names,
        Field(
            max_length=AFTER_MAX, description=f"{_NAMES_RULE}: nodes that may do it; empty for any"
        ),
    ] = ()
    not_on: Annotated[
        _Names,
        Field(max_length=AFTER_MAX, description=f"{_NAMES_RULE}: nodes that may not do it"),
    ] = ()
    release_s: Annotated[
        float, number("s", 0, SPAN_S_MAX, "after the order is taken: it begins no sooner")
    ] = 0.0
    due_s: Annotated[
        float | None,
        number(
            "s", 0, SPAN_S_MAX, "after the order is taken: later it is tardy; left out: at once"
        ),
    ] = None
    latest_s: Annotated[
        float | None,
        number("s", 1, SPAN_S_MAX, "after the order is taken: to end by; what can't fails"),
    ] = None


class CoverPart(_TaskPart):
    """Cover a zone in passes: survey, grade or compact."""

    kind: Annotated[
        Literal["survey", "grade", "compact"],
        Field(description="one of the words survey, grade, compact"),
    ]
    zone: Annotated[Name, name("the zone covered")]
    passes: Annotated[int, number("times", 1, 20, "how often the zone is covered")] = 1


class ExcavatePart(_TaskPart):
    """Dig at a zone and heap what is dug on a pile."""

    kind: Annotated[Literal["excavate"], Field(description="the word excavate")]
    zone: Annotated[Name, name("the zone dug")]
    pile: Annotated[Name, name("the zone heaped")]
    mass_kg: Annotated[float, positive("kg", 1e6, "in all, that has then left the zone")]
    stand: Annotated[Point, Field(description=f"{POINT_RULE}: where the machine digs from")]


class HaulPart(_TaskPart):
    """Carry a pile away until it is empty."""

    kind: Annotated[Literal["haul"], Field(description="the word haul")]
    pile: Annotated[Name, name("the zone emptied")]
    to_pile: Annotated[Name, name("the zone heaped; another one")]
    stand: Annotated[Point, Field(description=f"{POINT_RULE}: where the machine loads")]
    to_stand: Annotated[Point, Field(description=f"{POINT_RULE}: where the machine dumps")]
    mass_kg: Annotated[
        float,
        number("kg", 0, 1e6, "expected on the pile, to estimate the trips; 0 when not known"),
    ] = 0.0


class FusePart(_TaskPart):
    """Fuse surveys into the terrain map, on a computer."""

    kind: Annotated[Literal["fuse_terrain"], Field(description="the word fuse_terrain")]
    after: Annotated[
        _Names,
        Field(
            min_length=1,
            max_length=AFTER_MAX,
            description=f"a list of 1 to {AFTER_MAX} names: the survey tasks that are its input",
        ),
    ]


_AnyTask = Annotated[
    CoverPart | ExcavatePart | HaulPart | FusePart,
    Field(discriminator="kind"),
]


class OrderPart(Written):
    """The whole work order file."""

    id: Annotated[Name, name("the order's; the site takes each id once")]
    title: Annotated[str, text(200, "what people read on screens and in reports")]
    tasks: Annotated[
        tuple[_AnyTask, ...],
        Field(
            min_length=1,
            max_length=TASKS_MAX,
            description=f"1 to {TASKS_MAX} tasks, each with a kind: survey, grade, compact, "
            "excavate, haul or fuse_terrain",
        ),
    ]


def load_order(path: Path) -> WorkOrder:
    """Give the work order that a file describes.

    Raises:
        ConfigError: the first thing in the file that can't be used.
    """
    document = load_document(path)
    part = validated(document, OrderPart)
    seen: set[str] = set()
    for i, task in enumerate(part.tasks):
        if task.id in seen:
            problem = "another task has this id"
            raise document.error(problem, ("tasks", i, "id"), task.id, "rename one of them")
        seen.add(task.id)
        for key, names in (
            ("after", task.after),
            ("only_on", task.only_on),
            ("not_on", task.not_on),
        ):
            if len(set(names)) < len(names) or task.id in task.after:
                problem = "a name is there twice, or the task's own"
                raise document.error(problem, ("tasks", i, key), names, "list each other one once")
        if task.latest_s is not None and task.latest_s <= task.release_s:
            problem = "no time is left between release_s and latest_s"
            remedy = f"give more than {task.release_s:g}"
            raise document.error(problem, ("tasks", i, "latest_s"), task.latest_s, remedy)
        if isinstance(task, HaulPart) and task.pile == task.to_pile:
            problem = "the pile would be heaped on itself"
            raise document.error(
                problem, ("tasks", i, "to_pile"), task.to_pile, "name another zone"
            )
    tasks = tuple(_task_of(task) for task in part.tasks)
    return WorkOrder(id=OrderId(part.id), title=part.title, tasks=tasks)


def _task_of(part: CoverPart | ExcavatePart | HaulPart | FusePart) -> Task:
    fields = part.model_dump()
    fields["id"] = TaskId(part.id)
    fields["kind"] = TaskKind(part.kind)
    fields["after"] = tuple(TaskId(other) for other in part.after)
    fields["only_on"] = tuple(NodeId(node) for node in part.only_on)
    fields["not_on"] = tuple(NodeId(node) for node in part.not_on)
    return Task(**fields)
