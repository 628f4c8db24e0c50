"""Why a task is not in a plan: what keeps it out, and what refuses it on each node.

Reasons come from the problem and the plan alone. Nothing is searched for: all other tasks stay
where they are, and the task is tried on each node, see `trial`.
"""

from collections.abc import Sequence

import msgspec

from lunaredge.errors import ConfigError
from lunaredge.placement.causes import general_causes
from lunaredge.placement.meeting import meeting, soonest
from lunaredge.placement.plan import Cause, Placed, Plan
from lunaredge.placement.problem import Node, Problem, Task
from lunaredge.placement.refusals import Constraint, Obstacles, Refusal, listed
from lunaredge.placement.replay import Replay, domain_of, work_of
from lunaredge.placement.travel import Travel
from lunaredge.placement.trial import Trial
from lunaredge.placement.waits import wait_of

_Outcome = list[Refusal] | Placed | tuple[Placed, Placed]
_RANKS = {constraint: rank for rank, constraint in enumerate(Constraint)}
_STAGES = (
    {Constraint.KIND},
    {Constraint.PIN, Constraint.BAN, Constraint.READY},
    {Constraint.CAPABILITY, Constraint.HEALTH, Constraint.RESOURCE, Constraint.PLACE},
    {Constraint.WAY},
    {Constraint.HOME},
    set(Constraint),
)
"""What must be right of a node before the next counts at all; only what is final is looked at."""


class NodeWhy(msgspec.Struct, frozen=True, kw_only=True):
    """What refuses a task on a node."""

    node: str
    refusals: tuple[Refusal, ...]
    """The most decisive first: what is final, then what another plan could change. Empty: the node
    could take the task, with all others where they are, were it not for what is general."""
    items: tuple[Placed, ...] = ()
    """How it would do it then, and another one the task that it meets; empty: it is refused."""

    @property
    def is_final(self) -> bool:
        """Whether no plan has the task on this node."""
        return any(refusal.is_final for refusal in self.refusals)


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """Why a task is not placed."""

    task: str
    is_placed: bool
    text: str
    """One sentence for people."""
    general: tuple[Refusal, ...] = ()
    """What keeps it out on every node."""
    nodes: tuple[NodeWhy, ...] = ()
    """Every node, the nearest to taking it first: who could take it; then who would in another
    plan; then by how far it is from being a node for it: it has the time and the energy for it but
    for what no plan can change, gets home from there, gets there, has all that it asks, may do it,
    is of its kind. Among their like by the number of final refusals, since each is a thing to
    change; then the least decisive first refusal, then the least that is missing, then the
    problem's order. Empty for a task that is placed."""

    @property
    def is_final(self) -> bool:
        """Whether no plan of the problem places it."""
        if self.is_placed:
            return False
        is_kept_out = any(cause.is_final for cause in self.general)
        return is_kept_out or all(node.is_final for node in self.nodes)


def why_not(problem: Problem, travel: Travel, plan: Plan, task_id: str) -> Why:
    """Give why a task is not in a plan of a problem that has been checked.

    Raises:
        ConfigError: the problem has no such task.
    """
    return Reasons(problem, travel, plan).of(task_id)


class Reasons:
    """Why tasks are not in a plan of a problem that has been checked: for who asks of several."""

    def __init__(self, problem: Problem, travel: Travel, plan: Plan) -> None:
        self._replay = Replay(problem, travel, plan)

    def of(self, task_id: str) -> Why:
        """Give why one task is not in it.

        Raises:
            ConfigError: the problem has no such task.
        """
        return _why(self._replay, task_id)


def _why(replay: Replay, task_id: str) -> Why:
    task = replay.tasks.get(task_id)
    if task is None:
        remedy = "give the id of a task of the problem"
        raise ConfigError("no such task", place="why_not", key="task", value=task_id, remedy=remedy)
    item = replay.items.get(task_id)
    if item is not None:
        return Why(task=task_id, is_placed=True, text=_placed_text(replay, item))
    nodes, of_partner = _tried(replay, task)
    general = general_causes(replay, task)
    if of_partner is not None and not any(c.constraint is Constraint.PARTNER for c in general):
        general.append(of_partner)
    nodes.sort(key=_distance)
    text = _text(task_id, general, nodes)
    return Why(task=task_id, is_placed=False, text=text, general=tuple(general), nodes=tuple(nodes))


def _tried(replay: Replay, task: Task) -> tuple[list[NodeWhy], Refusal | None]:
    """Try a task on every node; if what it meets is what keeps it from all, give that too."""
    partner = replay.partners.get(task.id)
    nodes, outcomes = replay.problem.nodes, _Rounds(replay, task).on_all()
    whys = _whys(nodes, outcomes)
    if partner is None or not nodes:
        return whys, None
    of_partner = _Rounds(replay, replay.tasks[partner]).on_all()
    theirs = _whys(nodes, of_partner)
    only = [{why.node for why in side if not why.is_final} for side in (whys, theirs)]
    if not only[0]:
        return whys, None
    if len(only[0] | only[1]) == 1 and only[1]:
        return _all_on_one(whys, partner)
    items = [outcome for outcome in of_partner if isinstance(outcome, Placed)]
    if not items:
        return whys, _no_node(partner, theirs)
    others = soonest(replay, replay.tasks[partner], items)
    for k, outcome in enumerate(outcomes):
        if isinstance(outcome, Placed):
            both = meeting(replay, (Trial(replay, task, nodes[k]), outcome), others)
            names = [node.id for node, _ in others if node.id != nodes[k].id]
            outcomes[k] = [_no_meeting(partner, names)] if both is None else both
    return _whys(nodes, outcomes), None


def _all_on_one(whys: list[NodeWhy], partner: str) -> tuple[list[NodeWhy], Refusal]:
    """Refuse two that meet the one node that either can be on."""
    (node,) = (why.node for why in whys if not why.is_final)
    detail = f"meets {partner}, and both can be on {node} only: they must be on different nodes"
    refusal = Refusal(constraint=Constraint.PARTNER, detail=detail, is_final=True)
    refused = NodeWhy(node=node, refusals=(refusal,))
    return [refused if why.node == node else why for why in whys], refusal


class _Rounds:
    """Tries one task on one node after another."""

    def __init__(self, replay: Replay, task: Task) -> None:
        self._replay = replay
        self._task = task
        self._obstacles = Obstacles(replay, task)
        self._order_s, self._order = _order(replay, task)

    def on_all(self) -> list[_Outcome]:
        """Give it for every node of the problem."""
        return [self.on(node) for node in self._replay.problem.nodes]

    def on(self, node: Node) -> list[Refusal] | Placed:
        """Give how a node could do the task, or what refuses it."""
        refusals = self._obstacles.on(node)
        is_possible = not refusals
        refusals += self._shared(node)
        if not is_possible:
            return refusals
        from_s = max(self._obstacles.from_s, self._order_s)
        late = self._late(node, from_s)
        if late is not None:
            return [*refusals, late]
        outcome = Trial(self._replay, self._task, node).from_s(from_s)
        if not isinstance(outcome, Placed):
            return [*refusals, *outcome]
        return refusals or outcome

    def _late(self, node: Node, from_s: int) -> Refusal | None:
        """Tell whether the tasks before it leave it no time."""
        taken = work_of(self._task, node)
        assert taken is not None
        latest_s = self._replay.latest_s(self._task)
        missing_s = from_s + taken[0] - latest_s
        if missing_s <= 0:
            return None
        detail = f"{self._order} is over at {from_s} s, with its lag; it takes {taken[0]} s"
        detail += f" and must end by {latest_s} s"
        return Refusal(constraint=Constraint.ORDER, detail=detail, missing=missing_s)

    def _shared(self, node: Node) -> list[Refusal]:
        """Give the replicas that are in the same failure domain."""
        apart = self._task.apart
        if apart is None:
            return []
        domain = domain_of(node, apart.level)
        names = [
            other.id
            for other in self._replay.problem.tasks
            if other.apart is not None
            and other.apart.group == apart.group
            and (item := self._replay.items.get(other.id)) is not None
            and domain_of(self._replay.nodes[item.node], apart.level) == domain
        ]
        if not names:
            return []
        detail = f"{' '.join(domain)} has {listed(names)} of group {apart.group}"
        return [Refusal(constraint=Constraint.APART, detail=detail)]


def _order(replay: Replay, task: Task) -> tuple[int, str]:
    """Give when the last task is over, with its lag, that a task or its partner waits for."""
    partner = replay.partners.get(task.id)
    unit = (task,) if partner is None else (task, replay.tasks[partner])
    ends = [
        (replay.items[after.task].end_s + after.lag_s, after.task)
        for one in unit
        for after in one.after
        if after.task in replay.items
    ]
    return max(ends, key=lambda end: end[0], default=(0, ""))


def _no_meeting(partner: str, names: list[str]) -> Refusal:
    detail = f"meets {partner}, for which there is room on this node only, and not on another"
    if names:
        detail = f"meets {partner}, and none of the nodes tried for that can begin with it:"
        detail += f" {listed(names)}"
    return Refusal(constraint=Constraint.PARTNER, detail=detail)


def _no_node(partner: str, whys: list[NodeWhy]) -> Refusal:
    is_final = all(why.is_final for why in whys)
    detail = f"meets {partner}, which {'can be' if is_final else 'finds room'} on no node"
    nearest = min(whys, key=_distance)
    detail += f"; {_nearest(nearest, len(whys))}"
    return Refusal(constraint=Constraint.PARTNER, detail=detail, is_final=is_final)


def _whys(nodes: Sequence[Node], outcomes: Sequence[_Outcome]) -> list[NodeWhy]:
    return [_node_why(node, outcome) for node, outcome in zip(nodes, outcomes, strict=True)]


def _node_why(node: Node, outcome: _Outcome) -> NodeWhy:
    if isinstance(outcome, Placed):
        return NodeWhy(node=node.id, refusals=(), items=(outcome,))
    if isinstance(outcome, tuple):
        return NodeWhy(node=node.id, refusals=(), items=outcome)
    ranked = sorted(outcome, key=lambda one: (not one.is_final, _RANKS[one.constraint]))
    return NodeWhy(node=node.id, refusals=tuple(ranked))


def _distance(why: NodeWhy) -> tuple[int, int, int, bool, int]:
    """Give how far a node is from taking the task."""
    if not why.refusals:
        return -len(_STAGES) - 1, 0, 0, False, 0
    first = why.refusals[0]
    finals = [refusal.constraint for refusal in why.refusals if refusal.is_final]
    stage = next((k for k, kinds in enumerate(_STAGES) if kinds & set(finals)), len(_STAGES))
    missing = first.missing
    return -stage, len(finals), -_RANKS[first.constraint], missing is None, missing or 0


def _text(task: str, general: list[Refusal], nodes: list[NodeWhy]) -> str:
    if general:
        said = "can't be" if general[0].is_final else "is not"
        return f"{task} {said} placed: it {general[0].detail}."
    if not nodes:
        return f"{task} can't be placed: there are no nodes."
    nearest = nodes[0]
    if not nearest.refusals:
        span = f"from {nearest.items[0].start_s} to {nearest.items[0].end_s} s"
        return f"{task} is not placed, but {nearest.node} could do it {span}: plan again."
    said = "no plan can place it" if all(node.is_final for node in nodes) else "this plan can't"
    return f"{task} is not placed, and {said}; {_nearest(nearest, len(nodes))}."


def _nearest(nearest: NodeWhy, count: int) -> str:
    which = f"of {count} nodes the nearest is" if count > 1 else "the only node is"
    return f"{which} {nearest.node}: {nearest.refusals[0].detail}"


_WAITED = {
    Cause.RELEASE: "it may not start sooner",
    Cause.APPROVAL: "it is approved then",
    Cause.READY: "its node is ready then",
    Cause.ORDER: "it comes after",
    Cause.PARTNER: "it starts together with",
    Cause.NODE: "its node has other work before",
    Cause.TRAVEL: "its machine is there then, set up for it",
    Cause.CHARGE: "its machine has charged then",
    Cause.POST: "its machine charges before, for which a post has to be free",
    Cause.BUS: "the bus can't feed it, or the charge before, any sooner",
    Cause.LIGHT: "it is too dark before",
}
"""What a task that is placed waits for, in words."""
_NAMING = {Cause.ORDER, Cause.PARTNER}


def _placed_text(replay: Replay, item: Placed) -> str:
    wait = wait_of(replay, item)
    text = f"{item.task} is placed on {item.node} from {item.start_s} to {item.end_s} s"
    if wait.cause is Cause.NOTHING:
        return f"{text}; it waits for nothing."
    behind = (
        "" if not wait.task else f" {wait.task}" if wait.cause in _NAMING else f" ({wait.task})"
    )
    return f"{text}; {_WAITED[wait.cause]}{behind}."
