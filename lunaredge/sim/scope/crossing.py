"""The site of the small scope: two lanes that cross, and a machine at the end of each.

Flat, with nothing but the lanes to drive on, so that each machine must pass where the other does.
Periods are coarse and leases short, so that few steps lead through a whole life of an authority.
"""

from msgspec.structs import replace

from lunaredge.agent.config import AgentConfig
from lunaredge.ids import NodeId, OrderId, SiteId, TaskId
from lunaredge.model.fleet import Capability, Fleet, NodeSpec
from lunaredge.model.site import Point, Site, ZoneKind
from lunaredge.model.task import Task, TaskKind, WorkOrder
from lunaredge.scheduler.config import SchedulerConfig
from lunaredge.sim.scenarios.parts import box, machine, terrain, zone
from lunaredge.units import NS_PER_S

SITE = SiteId("crossing")
EAST, NORTH = NodeId("rover-east"), NodeId("rover-north")
"""Named after where they go."""
NAMES = (EAST, NORTH)

# Half of the site's length and of a lane's width; the corridor of a machine is 4.6 m wide.
HALF_M, LANE_HALF_M = 30.0, 3.0
CELL_M = 2.0
SPEED_M_S = 0.5
SAMPLE_PERIOD_S = 5.0
SETPOINT_LIFETIME_S = 8.0
BASIS_S_MAX = 8.0
# How long nothing happens by itself that bears on no authority.
SELDOM_S = 3_600.0

_HOMES: dict[NodeId, Point] = {EAST: (-24.0, 0.0), NORTH: (0.0, -24.0)}
# The corridor of the machine that goes east takes this place; its body would just get by.
BESIDE: Point = (0.0, -2.4)
_STANDS: dict[NodeId, Point] = {EAST: (20.0, 0.0), NORTH: (0.0, 20.0)}


def site() -> Site:
    """Give the ground: a plus of two lanes, and all else kept out."""
    far, near = HALF_M, LANE_HALF_M
    return Site(
        name=SITE,
        title="Two lanes that cross",
        boundary=box(-far, -far, far, far),
        terrain=replace(
            terrain(CELL_M, 32, 32, lambda x_m, y_m: 0.0), x_m=-far - CELL_M, y_m=-far - CELL_M
        ),
        zones=(
            zone("south-west", ZoneKind.KEEP_OUT, box(-far, -far, -near, -near)),
            zone("south-east", ZoneKind.KEEP_OUT, box(near, -far, far, -near)),
            zone("north-west", ZoneKind.KEEP_OUT, box(-far, near, -near, far)),
            zone("north-east", ZoneKind.KEEP_OUT, box(near, near, far, far)),
            zone("pit-east", ZoneKind.WORK, box(22.0, -2.0, 24.0, 2.0)),
            zone("heap-east", ZoneKind.WORK, box(25.0, -2.0, 27.0, 2.0)),
            zone("pit-north", ZoneKind.WORK, box(-2.0, 22.0, 2.0, 24.0)),
            zone("heap-north", ZoneKind.WORK, box(-2.0, 25.0, 2.0, 27.0)),
        ),
        regolith_kg_m3=1_700.0,
    )


def fleet() -> Fleet:
    """Give the two machines: as fast as their wheels are slow, and with ideal brakes."""
    return Fleet(nodes=tuple(_rover(name) for name in NAMES))


def _rover(name: NodeId) -> NodeSpec:
    spec = machine(name, (Capability.EXCAVATE,), _HOMES[name])
    assert spec.machine is not None
    return replace(
        spec, machine=replace(spec.machine, speed_m_s_max=SPEED_M_S, deceleration_m_s2=5.0)
    )


def order() -> WorkOrder:
    """Give what leads each machine over the crossing."""
    tasks = [
        Task(
            id=TaskId(f"dig-{side}"),
            kind=TaskKind.EXCAVATE,
            zone=f"pit-{side}",
            pile=f"heap-{side}",
            mass_kg=500.0,
            stand=_STANDS[name],
            only_on=(name,),
        )
        for side, name in (("east", EAST), ("north", NORTH))
    ]
    return WorkOrder(id=OrderId("cross"), title="Over the crossing", tasks=tuple(tasks))


def scheduler_config() -> SchedulerConfig:
    """Give the scheduler's settings: leases of a few ticks, and a checkpoint with every input.

    With that the disk holds the state alone, not the order of the inputs that led there.
    """
    seldom_ns = int(SELDOM_S) * NS_PER_S
    return SchedulerConfig(
        site=SITE,
        authority_lifetime_ns=60 * NS_PER_S,
        authority_ahead_ns=70 * NS_PER_S,
        command_resend_ns=40 * NS_PER_S,
        view_period_ns=seldom_ns,
        view_gap_ns=seldom_ns,
        archive_silent_ns=seldom_ns,
        park_after_ns=seldom_ns,
        place_retry_ns=seldom_ns,
        checkpoint_entries=1,
    )


def agent_config(spec: NodeSpec) -> AgentConfig:
    """Give an agent's settings."""
    assert spec.machine is not None
    return AgentConfig(
        site=SITE,
        node=spec.name,
        kind=spec.kind,
        is_machine=True,
        speed_m_s_max=spec.machine.speed_m_s_max,
        deceleration_m_s2=spec.machine.deceleration_m_s2,
        reserve_wh=spec.machine.reserve_wh,
        sample_period_s=SAMPLE_PERIOD_S,
        row_period_s=SELDOM_S,
        batch_period_s=SELDOM_S,
        heartbeat_period_s=20.0,
        birth_period_s=20.0,
        extend_retry_s=20.0,
        resend_s=600.0,
    )
