"""A site with some history, and its journal played again."""

from lunaredge.ids import BootId, NodeId
from lunaredge.node import Row
from lunaredge.scheduler.config import SchedulerConfig
from lunaredge.scheduler.node import SchedulerNode
from lunaredge.wire import messages
from tests.scheduler import plain_site
from tests.scheduler.rig import Site


def busy_site() -> Site:
    """A site with some history: two tasks done, one in hand."""
    site = Site()
    site.census()
    tasks = [plain_site.grade(f"grade-{i}", only_on=(NodeId("grader-1"),)) for i in range(3)]
    site.submit(plain_site.order(*tasks))
    for seq in range(2):
        site.solve()
        name = site.scheduler.core.state.nodes[NodeId("grader-1")].task
        assert name is not None
        site.reply("grader-1", site.assignment("grader-1").command)
        site.request("grader-1", seq + 1)
        site.solve()
        site.report("grader-1", name, "done", seq + 1)
        site.say("grader-1", messages.Heartbeat(situation=site.situation("grader-1")))
        site.wait(20.0)
    return site


def replayed(site: Site, rows: list[Row], config: SchedulerConfig | None = None) -> SchedulerNode:
    node = SchedulerNode(
        config or SchedulerConfig(site=site.site.name),
        site.site,
        site.fleet,
        BootId(77),
        signer=site.lead,
        keyring=site.keyring,
    )
    assert node.replay(rows) == 0
    return node
