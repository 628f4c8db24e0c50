"""What a scenario is: a site, a fleet, the orders of a run, and the Earth link's plan."""

import msgspec
from msgspec.structs import replace

from lunaredge.model.contact import Contact, ContactPlan
from lunaredge.model.fleet import Fleet, NodeSpec
from lunaredge.model.site import Site
from lunaredge.model.task import Task, WorkOrder
from lunaredge.units import ns_from_s

# 2027-01-15T08:00:00Z, so that site times look like real ones.
START_NS = 1_800_000_000 * 1_000_000_000

# Contacts of 25 minutes with 15 minutes between them; light time as it is.
CONTACT_S, CONTACT_EVERY_S, LIGHT_TIME_S = 1_500.0, 2_400.0, 1.3


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A work order, and when it is handed in."""

    at_s: float = 0.0
    """After the run's first order may be handed in."""
    order: WorkOrder


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One site, and what is asked of it over a run."""

    name: str
    site: Site
    fleet: Fleet
    orders: tuple[Due, ...]
    """By the time at which they are handed in."""
    plan: ContactPlan
    start_ns: int
    safety_s: float | None = None
    """How long things may go wrong; None: as the seed says."""
    open_max: int | None = None
    """With more tasks open, an order that is due is left out: people wait for a site that is
    behind. None: every order is handed in."""
    battery_ratio_min: float = 1.0
    """The least share of the charge over the reserve that the work can be done with."""
    work_s_max: float
    """Once everything is healed, all that is open must end within this virtual time."""

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Every task of every order."""
        return tuple(task for due in self.orders for task in due.order.tasks)


def with_batteries(scenario: Scenario, ratio: float) -> Scenario:
    """Give the scenario with batteries that hold only a share of their charge over the reserve."""
    nodes = tuple(_with_battery(node, ratio) for node in scenario.fleet.nodes)
    return replace(scenario, fleet=Fleet(nodes=nodes))


def _with_battery(node: NodeSpec, ratio: float) -> NodeSpec:
    machine = node.machine
    if machine is None:
        return node
    usable_wh = machine.battery_wh - machine.reserve_wh
    battery_wh = machine.reserve_wh + ratio * usable_wh
    return replace(node, machine=replace(machine, battery_wh=battery_wh))


def contacts(duration_s: float) -> ContactPlan:
    """Give a plan of contacts and outages in turn that covers so long a run."""
    count = int(duration_s // CONTACT_EVERY_S) + 1
    starts_ns = [START_NS + ns_from_s(number * CONTACT_EVERY_S) for number in range(count)]
    return ContactPlan(
        contacts=tuple(
            Contact(
                link="relay",
                start_ns=start_ns,
                end_ns=start_ns + ns_from_s(CONTACT_S),
                light_time_s=LIGHT_TIME_S,
            )
            for start_ns in starts_ns
        )
    )
