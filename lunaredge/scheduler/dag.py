"""The order of tasks: which come after which. Finds circles; knows nothing of what tasks do."""

from collections.abc import Mapping, Sequence

from lunaredge.ids import TaskId


def circle(after: Mapping[TaskId, Sequence[TaskId]]) -> list[TaskId]:
    """Give a circle among the tasks, its first task again at its end; empty when there is none.

    ``after`` names what each task waits for; names that are no task's are passed over.
    """
    waits = {task: [name for name in names if name in after] for task, names in after.items()}
    followers: dict[TaskId, list[TaskId]] = {task: [] for task in after}
    for task, names in waits.items():
        for name in names:
            followers[name].append(task)
    open_counts = {task: len(names) for task, names in waits.items()}
    done = [task for task, count in open_counts.items() if count == 0]
    for task in done:
        for follower in followers[task]:
            open_counts[follower] -= 1
            if open_counts[follower] == 0:
                done.append(follower)
    stuck = [task for task, count in open_counts.items() if count > 0]
    if not stuck:
        return []
    # Whatever is left waits for something that is left too: following it must come round.
    walk = [stuck[0]]
    while walk[-1] not in walk[:-1]:
        walk.append(next(name for name in waits[walk[-1]] if open_counts[name] > 0))
    return walk[walk.index(walk[-1]) :]
