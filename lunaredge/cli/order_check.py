"""What the scheduler would refuse of an order, told before anything is started."""

from pathlib import Path

from lunaredge.errors import NOT_GIVEN, ConfigError
from lunaredge.model.fleet import Fleet
from lunaredge.model.task import WorkOrder
from lunaredge.scheduler.ground import GroundMap
from lunaredge.scheduler.orders import refusals_at_submit


def check_order(path: Path, order: WorkOrder, ground: GroundMap, fleet: Fleet) -> None:
    """Refuse before the start what the scheduler would refuse after it, by the same rule.

    Raises:
        ConfigError: names the file, the task and the reason.
    """
    problems = refusals_at_submit(order, ground.site, fleet, ground)
    if not problems:
        return
    first = problems[0]
    ids = [task.id for task in order.tasks]
    place = f"tasks[{ids.index(first.task)}] ({first.task})" if first.task in ids else "tasks"
    rest = f"; {len(problems) - 1} more like this" if len(problems) > 1 else ""
    raise ConfigError(
        first.text,
        place=str(path),
        key=place,
        # The reason says it: of a task of many words only it knows which is wrong.
        value=NOT_GIVEN,
        remedy=f"mend the order: the scheduler refuses it as it is{rest}",
    )
