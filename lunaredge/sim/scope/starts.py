"""Where the search begins: every state on a few ways that the site may well go.

Both machines have their tasks, and their first requests are under way. Then one thing goes wrong,
or nothing does, and all else goes as it should: messages arrive in the order of their sending, and
time passes when none is under way. From each state of such a way everything may happen.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from lunaredge.sim.checkers.checker import Violation
from lunaredge.sim.scope.parties import Rover
from lunaredge.sim.scope.world import (
    EAST,
    LEADER,
    NOBODY,
    NORTH,
    RIVAL,
    State,
    Step,
    World,
    submitted,
)

# An ordinary way has some dozens of steps to the first requests.
STEPS_MAX = 200
# From the first requests until the second machine drives where the first one was.
HORIZON_TICKS = 7
# Two leaders may outbid each other without end.
WAY_STEPS_MAX = 80
# So far has the first machine come when something goes wrong.
UNDER_WAY_M = 5.0
ASK = "AuthorityRequest"

_TICK = Step("tick")


class Way(NamedTuple):
    """What goes wrong once the first machine is under way."""

    steps: tuple[Step, ...] = ()
    deaf: int = NOBODY
    """Who hears nothing from then on."""
    early: bool = False
    """It goes wrong at once, before anything has been granted."""


WAYS: dict[str, Way] = {
    "nothing goes wrong": Way(),
    "the scheduler restarts": Way((Step("kill", LEADER), _TICK, Step("start", LEADER))),
    "the scheduler is gone until leases end": Way(
        (Step("kill", LEADER), *(_TICK,) * 3, Step("start", LEADER))
    ),
    "the scheduler begins from an old image": Way((Step("kill", LEADER), Step("image", LEADER))),
    "a second scheduler leads as well": Way((Step("split", RIVAL),)),
    "a second scheduler leads, unheard by the first": Way(
        (Step("split", RIVAL),), deaf=LEADER, early=True
    ),
    "a driving agent restarts": Way((Step("kill", EAST), _TICK, Step("start", EAST))),
    "a waiting machine is carried to beside the other's way": Way((Step("carry", NORTH),)),
    "a waiting agent restarts": Way((Step("kill", NORTH), Step("start", NORTH))),
}


class Broken(Exception):
    """A way breaks an invariant before the search has begun."""

    def __init__(self, way: str, violation: Violation) -> None:
        super().__init__(f"{way}: {violation.text}")
        self.way = way
        self.violation = violation


def starts(world: World, ways: Mapping[str, Way] = WAYS) -> dict[State, str]:
    """Give every state to begin from, and where it lies.

    Raises:
        Broken: an invariant is broken on the way there.
    """
    asking = _asking(world)
    world.image = world.image_of(asking.parties[LEADER])
    found: dict[State, str] = {}
    for name, way in ways.items():
        for count, state in enumerate(_along(world, asking, name, way)):
            found.setdefault(state, f"{name}, after {count} steps")
    return found


def _along(world: World, state: State, name: str, way: Way) -> Iterator[State]:
    """Give the states on a way, one after the other."""
    end_ticks, wrong = state.ticks + HORIZON_TICKS, list(way.steps)
    for _ in range(WAY_STEPS_MAX):
        if state.ticks >= end_ticks:
            return
        yield state
        has_begun = len(wrong) < len(way.steps)
        due = has_begun or way.early or _east_m(world, state) > UNDER_WAY_M
        step = wrong.pop(0) if wrong and due else world.ordinary(state, way.deaf)
        state = _taken(world, state, step, name)


def _asking(world: World) -> State:
    """Give the state with both requests under way, and nothing else to do."""
    way, state = "the beginning", world.empty()
    for place in (LEADER, EAST, NORTH):
        state = _taken(world, state, Step("start", place), way)
    state = _waiting(world, state, lambda s: not s.under_way)
    state = submitted(world, state)
    return _waiting(world, state, lambda s: _count(world, s, ASK) == len(s.under_way) == 2)


def _waiting(world: World, state: State, until: Callable[[State], bool]) -> State:
    """Go the ordinary way, with requests for authorities kept waiting."""
    for _ in range(STEPS_MAX):
        if until(state):
            return state
        numbers = [number for number in state.under_way if world.letter(number).body != ASK]
        step = Step("deliver", numbers[0]) if numbers else _TICK
        state = _taken(world, state, step, "the beginning")
    raise AssertionError("the ordinary way leads nowhere")


def _count(world: World, state: State, body: str) -> int:
    return sum(world.letter(number).body == body for number in state.under_way)


def _east_m(world: World, state: State) -> float:
    """Give how far the machine has come that is granted its way first."""
    rover = world.party(state.parties[EAST])
    assert isinstance(rover, Rover)
    return rover.cart.station_m


def _taken(world: World, state: State, step: Step, way: str) -> State:
    after, violation = world.after(state, step)
    if violation is not None:
        raise Broken(way, violation)
    return after
