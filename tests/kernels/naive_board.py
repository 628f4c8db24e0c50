"""What a board holds, and what of it does not follow from its rows: all is counted anew."""

import numpy as np

from lunaredge.kernels.schedule_board import BUS, BUSY_S
from lunaredge.placement.plan import Score
from lunaredge.placement.readout import read_plan
from tests.kernels.naive_diary import ledger_seconds, meter_seconds
from tests.kernels.naive_schedule import yard_of
from tests.placement.judge import score_of, violations


def wrong_of(scene, board):
    """Name what of a board does not follow from its rows; fail if its lists are no lists."""
    yard = yard_of(scene.problem, scene.travel, board)
    wrong = [f"charger {q}" for q in _wrong_chargers(yard, board)]
    wrong += [f"computer {n}" for n in _wrong_computers(scene, yard, board)]
    if scene.problem.bus:
        # A meter's limit is the highest ceiling: what is missing at times is drawn beforehand.
        highest_w = max(ceiling.power_w for ceiling in scene.problem.bus)
        drawn_w = yard.drawn_w() + highest_w - yard.ceiling_w()
        if meter_seconds(board.shared, BUS, yard.seconds).tolist() != drawn_w.tolist():
            wrong.append("bus")
    if sorted(t for line in yard.lines for t in line) != sorted(yard.placed):
        wrong.append("lists")
    fits = [[yard.placed[t][1] for t in line] for line in yard.lines]
    if board.lines[:, BUSY_S].tolist() != [sum(f.end - f.start for f in line) for line in fits]:
        wrong.append("busy seconds")
    score = score_of(scene.problem, plan_of(scene, board).placed)
    if board.score.tolist() != [score.late_s, score.cost_j, len(yard.placed)]:
        wrong.append(f"score {board.score.tolist()}, must be {score}")
    return wrong


def _wrong_chargers(yard, board):
    for q in range(len(yard.chargers)):
        charging = meter_seconds(board.shared, 1 + q, yard.seconds)
        if charging.tolist() != yard.charging(q).tolist():
            yield q


def _wrong_computers(scene, yard, board):
    computers = [n for n, node in enumerate(scene.problem.nodes) if node.machine is None]
    for ledger, n in enumerate(computers):
        used = np.zeros((yard.seconds, scene.sheet.needs.shape[1]), dtype=np.int64)
        for t in yard.lines[n]:
            fit = yard.placed[t][1]
            used[fit.start : fit.end] += scene.sheet.needs[t]
        if ledger_seconds(board.owned, ledger, yard.seconds).tolist() != used.tolist():
            yield n


def plan_of(scene, board):
    """Give the plan that a board holds, with the score that it says."""
    late_s, cost_j, _ = board.score.tolist()
    score = Score(late_s=late_s, cost_j=cost_j)
    return read_plan(scene.problem, scene.travel, board.rows.tolist(), score)


def violations_of(scene, board):
    """Say what rules the plan on a board breaks, its score's included."""
    return violations(scene.problem, scene.travel, plan_of(scene, board))


def held_by(scene, board):
    """Give all that a board holds, to compare with what it held before."""
    yard = yard_of(scene.problem, scene.travel, board)
    meters = [meter_seconds(board.shared, m, yard.seconds) for m in range(len(board.shared.found))]
    ledgers = [ledger_seconds(board.owned, k, yard.seconds) for k in range(len(board.owned.found))]
    shared = [seconds.tolist() for seconds in (*meters, *ledgers)]
    return yard.placed, yard.lines, board.score.tolist(), shared
