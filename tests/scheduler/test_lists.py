"""The lists that people go by."""

import msgspec

from lunaredge.ids import NodeId
from lunaredge.scheduler import views
from lunaredge.scheduler.state import TaskPhase
from lunaredge.wire import messages
from tests.scheduler.replays import busy_site
from tests.scheduler.rig import Site


def test_the_lists_show_what_people_asked_for_before_they_are_told_so() -> None:
    site = Site()
    site.census()
    asked = messages.CloseRequest(
        request=site.request_id(), zone="spot", outline=((60.0, 40.0),), radius_m=5.0, why="a blast"
    )

    before = len(site.published)
    site.ask(asked)
    closed = site.published[before:]
    before = len(site.published)
    site.ask(msgspec.structs.replace(asked, request=site.request_id()))
    again = site.published[before:]

    names = [body.name if isinstance(body, messages.View) else "" for _, body in closed]
    answered = next(i for i, (_, body) in enumerate(closed) if isinstance(body, messages.Answer))
    assert set(names[:answered]) >= {"nodes", "alarms", "closures", "channels"}
    (row,) = msgspec.json.decode(closed[names.index("closures")][1].rows)
    assert (row["zone"], row["phase"]) == ("spot", "clear")
    assert not [body for _, body in again if isinstance(body, messages.View)]


def test_a_task_that_came_back_is_shown_on_no_node_and_why_it_came_back() -> None:
    site = busy_site()
    entry = next(iter(site.scheduler.core.state.tasks.values()))
    entry.phase, entry.node, entry.reason = TaskPhase.QUEUED, NodeId("grader-1"), "pad is closed"

    row = views.task_rows(site.scheduler.core.ctx)[0]

    assert (row["node"], row["reason"]) == (None, "came back: pad is closed")
