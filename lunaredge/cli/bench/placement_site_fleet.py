"""The fleets of the generated sites: machines, computers, charging posts and the power bus.

Figures are of the reference scenario at the Connecting Ridge, as in the demo's fleet.toml, where
each has its source; what a comment calls assumed has none.
"""

import random
from collections.abc import Iterable

import msgspec

from lunaredge.cli.bench.placement_site_ground import Mover
from lunaredge.placement.problem import (
    Ceiling,
    Charger,
    Machine,
    Node,
    Resources,
    Setup,
    Window,
)

WH_J = 3_600
HOUR_S = 3_600


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What the machines of one kind have in common."""

    mover: Mover
    battery_wh: int
    idle_w: int
    heat_w: int
    charge_w: int
    families: tuple[str, ...]
    payload_kg: int = 0


# Heat in the dark is assumed; charging fills a battery in two hours and a quarter (assumed: half
# the rate that cells of lithium bear).
KINDS = {
    # RASSOR 2.0 (Mueller 2016, NTRS 20210011366): 66 kg, 1.41 kWh; speed of the smaller IPEx.
    "excavator": Kind(
        mover=Mover(0.3, 130.0, 66.0),
        battery_wh=1_410,
        idle_w=40,
        heat_w=60,
        charge_w=630,
        families=("pit", "trench"),
    ),
    # The LTV of NASA's request for information (2021), scaled to a tenth of its 800 kg.
    "hauler": Kind(
        mover=Mover(0.5, 150.0, 150.0),
        battery_wh=2_100,
        idle_w=40,
        heat_w=80,
        charge_w=930,
        families=("haul",),
        payload_kg=80,
    ),
    # RASSOR's chassis, doubled in mass, with a blade; assumed.
    "dozer": Kind(
        mover=Mover(0.4, 180.0, 150.0),
        battery_wh=2_000,
        idle_w=40,
        heat_w=80,
        charge_w=890,
        families=("rough", "fine"),
    ),
    # IPEx's chassis (Schuler 2024), 12S 30 Ah, with a scanner.
    "scout": Kind(
        mover=Mover(0.3, 70.0, 30.0),
        battery_wh=1_330,
        idle_w=30,
        heat_w=50,
        charge_w=590,
        families=("survey", "inspect"),
    ),
    # RASSOR's chassis, tripled in mass, with a roller; assumed.
    "compactor": Kind(
        mover=Mover(0.4, 220.0, 200.0),
        battery_wh=2_000,
        idle_w=40,
        heat_w=80,
        charge_w=890,
        families=("fine",),
    ),
}
# The first four are the least that can do everything.
_PATTERN = (
    *("excavator", "hauler", "dozer", "scout", "excavator", "hauler"),
    *("compactor", "dozer", "excavator", "hauler", "scout", "dozer"),
)
# Drums, blades and heads of sensors are changed; assumed.
SETUPS = tuple(
    Setup(source=source, target=target, duration_s=duration_s)
    for a, b, duration_s in (
        ("pit", "trench", 600),
        ("rough", "fine", 300),
        ("survey", "inspect", 180),
    )
    for source, target in ((a, b), (b, a))
)
_SERVER = Resources(
    cpu_mcores=8_000,
    memory_mib=32_768,
    storage_mib=262_144,
    accelerators=2,
    power_w=300,
    link_kbit_s=100_000,
)
_BOARD = Resources(
    cpu_mcores=4_000, memory_mib=8_192, storage_mib=65_536, power_w=60, link_kbit_s=50_000
)
# The bus of the reference site, for its 12 machines. A quarter is the mast's and the habitat's, as
# much is taken while that is held under pressure (assumed). Always is so much left that one machine
# can charge beside a computer: else they would freeze.
_BUS_W, _BUS_NODES = 5_000, 12
_OTHERS_W, _TEST_W, _LEAST_W = 1_250, 1_250, 1_100
_MACHINES_PER_POST = 5
_RESERVE_SHARE, _RESERVE_DARK_SHARE = 0.2, 0.3
_RACKS = 3


def draw_fleet(dice: random.Random, node_count: int, yard: int) -> tuple[Node, ...]:
    """Draw a third of computers and the rest machines, which stand at the yard's places."""
    assert node_count >= 5, "a site needs a computer and four machines"
    computer_count = node_count // 3
    counts: dict[str, int] = {}
    nodes = []
    for k in range(node_count - computer_count):
        kind = _PATTERN[k % len(_PATTERN)]
        counts[kind] = counts.get(kind, 0) + 1
        nodes.append(_machine(dice, kind, counts[kind], yard))
    return (*nodes, *(_computer(dice, k) for k in range(computer_count)))


def _machine(dice: random.Random, kind: str, number: int, yard: int) -> Node:
    figures = KINDS[kind]
    battery_j = figures.battery_wh * WH_J
    # The first of each kind can do all that the kind can; of the others some have one tool less.
    families = figures.families if number == 1 or dice.random() < 0.7 else figures.families[:1]
    return Node(
        id=f"{kind}-{number}",
        kind=kind,
        capabilities=families,
        has=Resources(tools=len(families), payload_kg=figures.payload_kg),
        ready_s=dice.choice((0, 0, 0, dice.randrange(1_800))),
        health_pct=100 if number == 1 else dice.choice((100, 100, 90, 80, 70)),
        machine=Machine(
            mover=kind,
            place=dice.randrange(yard),
            battery_j=battery_j,
            charge_j=int(dice.uniform(0.4, 0.85) * battery_j),
            reserve_j=int(_RESERVE_SHARE * battery_j),
            reserve_dark_j=int(_RESERVE_DARK_SHARE * battery_j),
            idle_w=figures.idle_w,
            heat_w=figures.heat_w,
            charge_w=figures.charge_w,
            family=dice.choice(families),
        ),
    )


def _computer(dice: random.Random, index: int) -> Node:
    """Make every second one a server with accelerators, two to a board; the site has 3 racks."""
    is_server = index % 2 == 0
    return Node(
        id=f"{'server' if is_server else 'board'}-{index + 1}",
        kind="server" if is_server else "board",
        capabilities=("compute",),
        has=_SERVER if is_server else _BOARD,
        health_pct=100 if index == 0 else dice.choice((100, 100, 100, 80)),
        board=f"board-{index // 2}",
        rack=f"rack-{index // 2 % _RACKS}",
    )


def draw_chargers(dice: random.Random, nodes: Iterable[Node], yard: int) -> tuple[Charger, ...]:
    """Draw one post for five machines, spread over the yard's places."""
    post_count = max(1, sum(node.machine is not None for node in nodes) // _MACHINES_PER_POST)
    chargers: list[Charger] = []
    # A second one by itself, for half of the smallest sites: who loses one still comes home.
    left = post_count + (post_count == 1 and dice.random() < 0.5)
    while left:
        posts = 1 if post_count <= 2 else min(left, dice.randint(2, 3) + left // 16)
        chargers.append(Charger(place=len(chargers) % yard, posts=posts))
        left -= posts
    return tuple(chargers)


def draw_darkness(dice: random.Random, horizon_s: int) -> tuple[Window, ...]:
    """Draw one shadow of the ridge early on, and mostly a later one."""
    begin_s = int(dice.uniform(1.0, 3.5) * HOUR_S)
    windows = [Window(from_s=begin_s, until_s=begin_s + int(dice.uniform(1.5, 3.5) * HOUR_S))]
    if dice.random() < 0.7:
        begin_s = windows[0].until_s + int(dice.uniform(2.0, 6.0) * HOUR_S)
        windows.append(
            Window(from_s=begin_s, until_s=begin_s + int(dice.uniform(1.0, 4.0) * HOUR_S))
        )
    assert windows[-1].until_s < horizon_s
    return tuple(windows)


def draw_bus(
    dice: random.Random, node_count: int, darkness: tuple[Window, ...]
) -> tuple[Ceiling, ...]:
    """Give the ceiling: half in the dark, and less while a habitat is held under pressure."""
    test_s = int(dice.uniform(0.5, 6.0) * HOUR_S)
    test = Window(from_s=test_s, until_s=test_s + int(dice.uniform(1.0, 2.5) * HOUR_S))
    moments = {0} | {m for w in (*darkness, test) for m in (w.from_s, w.until_s)}
    scale = node_count / _BUS_NODES

    def left_w(moment_s: int) -> float:
        sun = 0.5 if any(_holds(window, moment_s) for window in darkness) else 1.0
        taken_w = _OTHERS_W + (_TEST_W if _holds(test, moment_s) else 0)
        return max(_LEAST_W, scale * (sun * _BUS_W - taken_w))

    return tuple(Ceiling(from_s=m, power_w=int(left_w(m))) for m in sorted(moments))


def _holds(window: Window, moment_s: int) -> bool:
    return window.from_s <= moment_s < window.until_s
