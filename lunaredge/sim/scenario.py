"""The door to what is simulated: the scenarios by name, what one is, and everybody's keys."""

from collections.abc import Callable

from lunaredge.sim.keys import OPERATOR, WARDENS, Keys, simulated_signer
from lunaredge.sim.scenarios.lane import lane
from lunaredge.sim.scenarios.plan import START_NS, Due, Scenario, with_batteries
from lunaredge.sim.scenarios.roomy import roomy
from lunaredge.sim.scenarios.small import ramp, small, swap
from lunaredge.sim.scenarios.standard import standard

__all__ = [
    "OPERATOR",
    "SCENARIOS",
    "START_NS",
    "WARDENS",
    "Due",
    "Keys",
    "Scenario",
    "lane",
    "ramp",
    "roomy",
    "simulated_signer",
    "small",
    "standard",
    "swap",
    "with_batteries",
]

SCENARIOS: dict[str, Callable[[], Scenario]] = {
    "standard": standard,
    "small": small,
    "swap": swap,
    "roomy": roomy,
    "lane": lane,
    "ramp": ramp,
}
"""What can be asked for by name. Each is made anew."""
