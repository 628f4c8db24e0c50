"""Local moves: tasks put elsewhere on the board, with all that this leads to.

A move lifts a few units off the board and puts them back in other places; `settle` then moves what
stands behind them. A move that leaves a unit without a place fails: the caller takes it back.
"""

from lunaredge.kernels.jit import inner
from lunaredge.kernels.mapf_agents import Seeds, below
from lunaredge.kernels.schedule_board import (
    AHEAD,
    CHARGE_START,
    CHARGER,
    END,
    LAST,
    NODE,
    START,
    Board,
)
from lunaredge.kernels.schedule_choice import best_node, may_have
from lunaredge.kernels.schedule_fit import AUTOMATIC
from lunaredge.kernels.schedule_settle import (
    LOGGED,
    Desk,
    earliest,
    insert,
    insert_pair,
    lift,
    log_row,
    settle_marked,
)
from lunaredge.kernels.schedule_sheet import (
    DUE,
    KIND,
    MOVER,
    NEVER,
    NONE,
    PARTNER,
    UNIT,
    Sheet,
    is_pinned_to,
)

_TRIES = 8
_RUINED_MAX = 6
# Who goes first lifts so many others at most, of so many that are looked at.
_LIFTED_MAX, _LOOKS_MAX = 8, 256
# In percent, one after the other.
_RELOCATE, _NEIGHBOURS, _EXCHANGE, _CHARGE, _CROWD = 35, 50, 57, 65, 85


@inner
def move(sheet: Sheet, board: Board, desk: Desk, seeds: Seeds, haste_w: float) -> bool:
    """Make one move, drawn at random; False if it can't be made: the board is then half changed."""
    kind = below(seeds, 100)
    task = _drawn_task(sheet, board, seeds)
    if board.rows[task, NODE] == NONE:
        done = _place(sheet, board, desk, task, haste_w)
    elif kind < _RELOCATE:
        done = _relocate(sheet, board, desk, task, _drawn_node(sheet, task, seeds), seeds)
    elif kind < _NEIGHBOURS:
        done = _relocate(sheet, board, desk, task, board.rows[task, NODE], seeds)
    elif kind < _EXCHANGE:
        done = _exchange(sheet, board, desk, task, seeds)
    elif kind < _CHARGE:
        done = _recharge(sheet, board, desk, task, seeds)
    elif kind < _CROWD:
        done = _go_first(sheet, board, desk, task, seeds)
    else:
        done = _ruin(sheet, board, desk, task, seeds, haste_w)
    return done and settle_marked(sheet, board, desk)


@inner
def _drawn_task(sheet: Sheet, board: Board, seeds: Seeds) -> int:
    """Draw a task of a unit; every second time one that is late or not placed, if one turns up."""
    tries = _TRIES if below(seeds, 2) else 1
    task = 0
    for _ in range(tries):
        unit = below(seeds, len(sheet.units))
        task = sheet.units[unit, 0]
        if sheet.units[unit, 1] != NONE and below(seeds, 2):
            task = sheet.units[unit, 1]
        if board.rows[task, NODE] == NONE or board.rows[task, END] > sheet.tasks[task, DUE]:
            break
    return task


@inner
def _drawn_node(sheet: Sheet, task: int, seeds: Seeds) -> int:
    """Draw a node that has a mode for a task; -1 if none turns up."""
    first, end = sheet.only_starts[task], sheet.only_starts[task + 1]
    for _ in range(_TRIES):
        node = below(seeds, len(sheet.nodes))
        if first < end:
            node = sheet.only[first + below(seeds, end - first)]
        if sheet.modes[task, sheet.nodes[node, KIND], 0] >= 0:
            return node
    return NONE


@inner
def _drawn_ahead(sheet: Sheet, board: Board, node: int, from_s: int, seeds: Seeds) -> int:
    """Draw the task behind which one goes that may start from then on; -1: it goes first."""
    ahead = board.lines[node, LAST]
    if sheet.nodes[node, MOVER] < 0:
        return int(ahead)
    # Behind what ends before, nothing is gained by going ahead of it.
    while ahead != NONE and board.rows[ahead, END] > from_s and sheet.tasks[ahead, UNIT] != NONE:
        if below(seeds, 4) == 0:
            break
        ahead = board.rows[ahead, AHEAD]
    return int(ahead)


@inner
def _lift_unit(sheet: Sheet, board: Board, desk: Desk, task: int) -> None:
    """Take a task and its partner off the board."""
    lift(sheet, board, desk, task)
    if sheet.tasks[task, PARTNER] != NONE:
        lift(sheet, board, desk, sheet.tasks[task, PARTNER])


@inner
def _relocate(sheet: Sheet, board: Board, desk: Desk, task: int, node: int, seeds: Seeds) -> bool:
    """Put a task elsewhere; its partner goes where that lets it start, on its node or another."""
    if node == NONE or not is_pinned_to(sheet, task, node):
        return False
    partner = sheet.tasks[task, PARTNER]
    partner_node = NONE
    if partner != NONE:
        partner_node = board.rows[partner, NODE]
        if below(seeds, 4) == 0:
            partner_node = _drawn_node(sheet, partner, seeds)
        if partner_node in (NONE, node):
            return False
    _lift_unit(sheet, board, desk, task)
    if not may_have(sheet, board, task, node):
        return False
    from_s = _earliest_of_unit(sheet, board, desk, task)
    ahead = _drawn_ahead(sheet, board, node, from_s, seeds)
    at = (node, ahead, AUTOMATIC)
    if partner == NONE:
        return insert(sheet, board, desk, task, at)
    if not may_have(sheet, board, partner, partner_node):
        return False
    if ahead != NONE:
        from_s = max(from_s, board.rows[ahead, END])
    partner_at = (partner_node, last_before(sheet, board, partner_node, from_s), AUTOMATIC)
    return _insert_two(sheet, board, desk, (task, partner), at, partner_at, seeds)


@inner
def _insert_two(
    sheet: Sheet,
    board: Board,
    desk: Desk,
    pair: tuple[int, int],
    at: tuple[int, int, int],
    other_at: tuple[int, int, int],
    seeds: Seeds,
) -> bool:
    """Insert a pair; who of the two has the first choice of posts and power is drawn."""
    if below(seeds, 2):
        return insert_pair(sheet, board, desk, pair, at, other_at)
    return insert_pair(sheet, board, desk, (pair[1], pair[0]), other_at, at)


@inner
def _earliest_of_unit(sheet: Sheet, board: Board, desk: Desk, task: int) -> int:
    from_s = earliest(sheet, board, desk, task)
    partner = sheet.tasks[task, PARTNER]
    if partner != NONE:
        from_s = max(from_s, earliest(sheet, board, desk, partner))
    return from_s


@inner
def last_before(sheet: Sheet, board: Board, node: int, at_s: int) -> int:
    """Give the last task of a node's list that starts before a time, or is fixed; -1 if none."""
    ahead = board.lines[node, LAST]
    while ahead != NONE and board.rows[ahead, START] >= at_s and sheet.tasks[ahead, UNIT] != NONE:
        ahead = board.rows[ahead, AHEAD]
    return int(ahead)


@inner
def _exchange(sheet: Sheet, board: Board, desk: Desk, task: int, seeds: Seeds) -> bool:
    """Let two tasks without partners change places."""
    other = _drawn_task(sheet, board, seeds)
    at = (board.rows[task, NODE], board.rows[task, AHEAD], AUTOMATIC)
    other_at = (board.rows[other, NODE], board.rows[other, AHEAD], AUTOMATIC)
    if (
        task == other
        or other_at[0] in (NONE, at[0])
        or sheet.tasks[task, PARTNER] != NONE
        or sheet.tasks[other, PARTNER] != NONE
        or sheet.modes[task, sheet.nodes[other_at[0], KIND], 0] < 0
        or sheet.modes[other, sheet.nodes[at[0], KIND], 0] < 0
        or not is_pinned_to(sheet, task, other_at[0])
        or not is_pinned_to(sheet, other, at[0])
    ):
        return False
    lift(sheet, board, desk, task)
    lift(sheet, board, desk, other)
    if not may_have(sheet, board, task, other_at[0]):
        return False
    if not insert(sheet, board, desk, task, other_at) or not may_have(sheet, board, other, at[0]):
        return False
    return insert(sheet, board, desk, other, at)


@inner
def _recharge(sheet: Sheet, board: Board, desk: Desk, task: int, seeds: Seeds) -> bool:
    """Let a machine charge before a task, at another charger, or only if need be."""
    row = board.rows[task]
    if sheet.nodes[row[NODE], MOVER] < 0 or len(sheet.chargers) == 0:
        return False
    charger = AUTOMATIC
    if row[CHARGER] == NONE or below(seeds, 2):
        charger = below(seeds, len(sheet.chargers))
    at = (row[NODE], row[AHEAD], charger)
    partner = sheet.tasks[task, PARTNER]
    if partner == NONE:
        lift(sheet, board, desk, task)
        return insert(sheet, board, desk, task, at)
    other = board.rows[partner]
    other_at = (other[NODE], other[AHEAD], other[CHARGER])
    _lift_unit(sheet, board, desk, task)
    return _insert_two(sheet, board, desk, (task, partner), at, other_at, seeds)


@inner
def _go_first(sheet: Sheet, board: Board, desk: Desk, task: int, seeds: Seeds) -> bool:
    """Put a unit before those that are in its way: on its nodes, at a post, on the bus.

    They are lifted first, some of them at least, and put back behind it where they were.
    """
    partner = sheet.tasks[task, PARTNER]
    node, partner_node = board.rows[task, NODE], NONE
    until_s = board.rows[task, START]
    if partner != NONE:
        partner_node = board.rows[partner, NODE]
    _lift_unit(sheet, board, desk, task)
    from_s = _earliest_of_unit(sheet, board, desk, task)
    first = desk.counts[LOGGED]
    start = below(seeds, len(sheet.units))
    for k in range(min(len(sheet.units), _LOOKS_MAX)):
        if desk.counts[LOGGED] - first >= _LIFTED_MAX:
            break
        other = sheet.units[(start + k) % len(sheet.units), 0]
        if _is_in_the_way(board, other, from_s, until_s) and below(seeds, 4):
            _lift_unit(sheet, board, desk, other)
    end = desk.counts[LOGGED]
    at = (node, last_before(sheet, board, node, from_s), AUTOMATIC)
    if partner == NONE:
        if not insert(sheet, board, desk, task, at):
            return False
    else:
        partner_at = (partner_node, last_before(sheet, board, partner_node, from_s), AUTOMATIC)
        if not _insert_two(sheet, board, desk, (task, partner), at, partner_at, seeds):
            return False
    return _put_back(sheet, board, desk, first, end)


@inner
def _is_in_the_way(board: Board, task: int, from_s: int, until_s: int) -> bool:
    """Tell whether a task, or the charge before it, is in between."""
    row = board.rows[task]
    if row[NODE] == NONE:
        return False
    begin_s = row[CHARGE_START] if row[CHARGER] != NONE else row[START]
    return bool(begin_s < until_s and row[END] > from_s)


@inner
def _put_back(sheet: Sheet, board: Board, desk: Desk, first: int, end: int) -> bool:
    """Put the tasks that the log holds between two entries back, by when they started."""
    while True:
        task, entry = NONE, NONE
        for k in range(first, end):
            lifted = desk.log[k, 0]
            if board.rows[lifted, NODE] == NONE and (
                task == NONE or desk.log[k, 1 + START] < desk.log[entry, 1 + START]
            ):
                task, entry = lifted, k
        if task == NONE:
            return True
        row = desk.log[entry]
        ahead = last_before(sheet, board, row[1 + NODE], row[1 + START])
        at = (row[1 + NODE], ahead, row[1 + CHARGER])
        partner = sheet.tasks[task, PARTNER]
        if partner == NONE:
            if not insert(sheet, board, desk, task, at):
                return False
            continue
        for k in range(first, end):
            if desk.log[k, 0] == partner:
                other = desk.log[k]
                ahead = last_before(sheet, board, other[1 + NODE], other[1 + START])
                other_at = (other[1 + NODE], ahead, other[1 + CHARGER])
                if not insert_pair(sheet, board, desk, (task, partner), at, other_at):
                    return False
                break


@inner
def _place(sheet: Sheet, board: Board, desk: Desk, task: int, haste_w: float) -> bool:
    """Put a task that is not placed at the end of the best node, with its partner."""
    partner = sheet.tasks[task, PARTNER]
    from_s = _earliest_of_unit(sheet, board, desk, task)
    if from_s >= NEVER:
        return False
    node = best_node(sheet, board, task, from_s, NONE, haste_w).node
    if node == NONE:
        return False
    log_row(board, desk, task)
    at = (node, board.lines[node, LAST], AUTOMATIC)
    if partner == NONE:
        return insert(sheet, board, desk, task, at)
    other = best_node(sheet, board, partner, from_s, node, haste_w).node
    if other == NONE:
        return False
    log_row(board, desk, partner)
    other_at = (other, board.lines[other, LAST], AUTOMATIC)
    return insert_pair(sheet, board, desk, (task, partner), at, other_at)


@inner
def _ruin(sheet: Sheet, board: Board, desk: Desk, task: int, seeds: Seeds, haste_w: float) -> bool:
    """Lift a few units, and put each where it is best, in an order that is drawn."""
    first = desk.counts[LOGGED]
    _lift_some(sheet, board, desk, task, seeds)
    count = desk.counts[LOGGED] - first
    shift = below(seeds, count)
    left = count
    for _ in range(count):
        if left == 0:
            break
        # Some of them may wait for others of them.
        left = 0
        for k in range(count):
            lifted = desk.log[first + (k + shift) % count, 0]
            if board.rows[lifted, NODE] == NONE:
                _place(sheet, board, desk, lifted, haste_w)
            left += board.rows[lifted, NODE] == NONE
    return bool(left == 0)


@inner
def _lift_some(sheet: Sheet, board: Board, desk: Desk, task: int, seeds: Seeds) -> None:
    """Lift a unit and a few others: of the same node, or any."""
    node, by_node = board.rows[task, NODE], below(seeds, 2) == 0
    count = 2 + below(seeds, _RUINED_MAX - 1)
    _lift_unit(sheet, board, desk, task)
    for _ in range(count - 1):
        other = sheet.units[below(seeds, len(sheet.units)), 0]
        if by_node and board.lines[node, LAST] != NONE:
            other = board.lines[node, LAST]
            while below(seeds, 3) and board.rows[other, AHEAD] != NONE:
                other = board.rows[other, AHEAD]
        if board.rows[other, NODE] != NONE and sheet.tasks[other, UNIT] != NONE:
            _lift_unit(sheet, board, desk, other)
