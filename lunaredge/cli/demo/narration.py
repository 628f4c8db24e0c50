"""What the demo says of itself while it runs: the picture's headline, and a line for a log.

Words from rows, and nothing else: it sees what the site's views say.
"""

from collections.abc import Mapping, Sequence

from lunaredge.cli.demo.display import Picture

Rows = Sequence[Mapping[str, object]]

TASK_ENDS = ("done", "failed", "cancelled")
PARK = "park"
OUTAGES = ("planned", "outage")
NS_PER_MINUTE = 60_000_000_000


def ordered(tasks: Rows) -> Rows:
    """Give the tasks that people ordered: errands home are the scheduler's own."""
    return [row for row in tasks if row["kind"] != PARK]


def headline(nodes: Rows, tasks: Rows, link_state: object) -> str:
    """Say what the site is doing, in words for the whole of it."""
    restraint = _restraint(nodes)
    if restraint:
        return restraint
    is_out = link_state in OUTAGES
    if tasks and all(row["phase"] in TASK_ENDS for row in ordered(tasks)):
        return f"work done; {_last_steps(tasks, is_out=is_out)}"
    work = "working through the Earth outage" if is_out else "working"
    return "; ".join([work, *_waiting_for_people(nodes, tasks)])


def log_line(picture: Picture) -> str:
    """Give the picture in a line: when it changes, something has happened."""
    tasks = ordered(picture.tasks)
    ended = sum(row["phase"] in TASK_ENDS for row in tasks)
    return f"{picture.step}; {ended} of {len(tasks)} tasks ended" if tasks else picture.step


def moment(picture: Picture) -> str:
    """Give the site's time since its start; before that there is none."""
    minutes = (picture.now_ns - picture.start_ns) // NS_PER_MINUTE
    return f"T+{minutes} min: " if minutes >= 0 else ""


def _restraint(nodes: Rows) -> str:
    """Say that people keep every machine at rest; nothing when one may move."""
    machines = [row for row in nodes if row["battery_wh"] is not None]
    if not machines or not all(row["stops"] or row["held"] for row in machines):
        return ""
    if all(row["stops"] for row in machines):
        return "stopped by people, until they release the stop"
    return "held by people, until they resume it"


def _last_steps(tasks: Rows, *, is_out: bool) -> str:
    if any(row["phase"] not in TASK_ENDS for row in tasks):
        return "machines go home"
    return f"the last records go to Earth {'in the next contact' if is_out else 'now'}"


def _waiting_for_people(nodes: Rows, tasks: Rows) -> list[str]:
    """Name what waits for somebody's word."""
    said = []
    # Names are in lower case: what is written otherwise is no other task.
    earth = [str(row["task"]) for row in tasks if "Earth" in str(row["waits_for"])]
    if earth:
        said.append(f"{', '.join(earth)} {_waits(earth)} for Earth's word")
    for word, key in (("stopped", "stops"), ("held", "held")):
        names = [str(row["node"]) for row in nodes if row[key]]
        if names:
            said.append(f"{word}: {', '.join(names)}")
    return said


def _waits(names: Sequence[str]) -> str:
    return "waits" if len(names) == 1 else "wait"
