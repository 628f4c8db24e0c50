"""Parts of the site's network that break as a whole, and ways that are slow in one direction."""

from lunaredge.ids import NodeId
from lunaredge.sim.strikes.kind import Kind, Saboteur, Undo
from lunaredge.units import ns_from_s
from lunaredge.wire import topics

PARTITION, SLOW = "partition", "slow way"
# From a busy radio to more than a time request waits for.
SLOW_S = (0.5, 5.0, 30.0)


def kinds(saboteur: Saboteur) -> tuple[Kind, ...]:
    """Give the kinds of this room."""
    options = saboteur.options
    return (
        Kind(PARTITION, options.partition_s, lambda: _part(saboteur)),
        Kind(SLOW, options.slow_way_s, lambda: _slow(saboteur)),
    )


def _names(saboteur: Saboteur) -> list[NodeId]:
    return [*saboteur.sim.agents, topics.SCHEDULER, topics.ARCHIVE, topics.GATEWAY]


def _part(saboteur: Saboteur) -> Undo:
    """Part a group of nodes from the broker, and so from all the others."""
    network, rng, names = saboteur.sim.site_net, saboteur.draw(PARTITION), _names(saboteur)
    group = rng.sample(names, rng.randint(2, len(names)))
    for name in group:
        saboteur.disturb(name, "is in a part that is cut off")
        network.cut(name)

    def undo() -> None:
        for name in group:
            network.mend(name)

    return undo


def _slow(saboteur: Saboteur) -> Undo:
    network, rng = saboteur.sim.site_net, saboteur.draw(SLOW)
    name, extra_s = rng.choice(_names(saboteur)), rng.choice(SLOW_S)
    toward = rng.random() < 0.5
    saboteur.disturb(name, f"is {'heard' if not toward else 'reached'} {extra_s} s late")
    network.slow(name, toward=toward, extra_ns=ns_from_s(extra_s))
    return lambda: network.slow(name, toward=toward, extra_ns=0)
