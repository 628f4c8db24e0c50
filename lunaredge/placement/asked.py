"""What a caller asks for besides a problem: whole numbers, and plans to go on from."""

from lunaredge.errors import ConfigError
from lunaredge.placement.plan import Plan


def counted(place: str, key: str, value: object) -> int:
    """Give a whole number of at least 0.

    Raises:
        ConfigError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        remedy = "give a whole number of at least 0"
        raise ConfigError("no such number", place=place, key=key, value=value, remedy=remedy)
    return value


def planned(place: str, key: str, value: object) -> Plan:
    """Give a plan.

    Raises:
        ConfigError: it is something else.
    """
    if not isinstance(value, Plan):
        remedy = "give a Plan, such as Planner.plan() gives"
        raise ConfigError("no plan", place=place, key=key, value=value, remedy=remedy)
    return value
