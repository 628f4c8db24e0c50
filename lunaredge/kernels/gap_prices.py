"""Prices of the nodes' capacities, and the bound that they prove: the dual of the assignment.

A price per unit of capacity turns "does it fit?" into a cost: every task then takes the node where
its own cost and what it uses there are cheapest together. What all tasks pay at least, less what
the capacities are worth, is a lower bound on the cost of any assignment that fits.

prices  : float64 (N,)    per unit of usage, at least 0
costs   : float64 (N, T)  whole numbers; inf = cannot
usages  : float64 (N, T)  whole numbers
"""

from typing import NamedTuple

import numpy as np

from lunaredge.kernels.jit import Floats, Ints, inner, kernel

VALUE, STRIDE, FAILED, STEPS, DONE = range(5)
"""Figures: the best value, how far above it the next is hoped for, steps without a better one, all
steps, and 1.0 when nothing is left to gain."""
FIGURES = 5

_FAILED_MAX = 8
_STRIDE_FIRST = 0.3
_GAIN_RATIO_MIN = 1e-3
_STRIDE_RATIO_MIN = 1e-6
# How much of the step before goes into the next one: it damps the zigzag across a ridge.
_MOMENTUM = 0.3
_STEPS_MAX = 1000
# Whole numbers of 64 bits hold the bound's sums, with a bit to spare.
_SUM_MAX = float(1 << 61)
_SCALE_MAX = float(1 << 20)


class Prices(NamedTuple):
    """The search for the best prices.

    best    : float64 (N,)  those with the best value
    now     : float64 (N,)  those to be tried next
    slope   : float64 (N,)  the direction of the last step
    loads   : float64 (N,)  what the nodes would carry
    least   : float64 (T,)  what each task pays
    choices : int64 (T,)    and where
    figures : float64 (5,)
    """

    best: Floats
    now: Floats
    slope: Floats
    loads: Floats
    least: Floats
    choices: Ints
    figures: Floats


def prices_of(node_count: int, task_count: int) -> Prices:
    """Make prices of 0."""
    return Prices(
        best=np.zeros(node_count),
        now=np.zeros(node_count),
        slope=np.zeros(node_count),
        loads=np.zeros(node_count),
        least=np.zeros(task_count),
        choices=np.zeros(task_count, dtype=np.int64),
        figures=np.array([-np.inf, 0.0, 0.0, 0.0, 0.0]),
    )


@kernel
def climb(
    costs: Floats, usages: Floats, capacities: Floats, out_prices: Prices, step_count: int
) -> bool:
    """Try prices so many times; tell whether there is nothing left to gain.

    A subgradient ascent: prices rise where the nodes would carry more than they can. The step is
    Polyak's (1969) toward a value that is hoped for, and the hope shrinks when it isn't met (Held,
    Wolfe and Crowder 1974). It goes on from where it is, not from the best prices: where many
    costs are equal, no step from those may lead up. Each time costs a look at every pair.

    capacities : float64 (N,)
    """
    figures, now, slope = out_prices.figures, out_prices.now, out_prices.slope
    for _ in range(step_count):
        if figures[DONE] > 0.0:
            break
        value = _value(costs, usages, capacities, out_prices)
        if figures[STEPS] == 0.0:
            figures[STRIDE] = _STRIDE_FIRST * max(abs(value), 1.0)
        figures[FAILED] += 1.0
        if value > figures[VALUE] + _GAIN_RATIO_MIN * figures[STRIDE]:
            figures[FAILED] = 0.0
        if value > figures[VALUE]:
            figures[VALUE] = value
            out_prices.best[:] = now
        if figures[FAILED] >= _FAILED_MAX:
            figures[STRIDE] *= 0.5
            figures[FAILED] = 0.0
        length = 0.0
        for node in range(len(now)):
            excess = out_prices.loads[node] - capacities[node]
            if now[node] <= 0.0 and excess < 0.0:
                excess = 0.0
            slope[node] = _MOMENTUM * slope[node] + (1.0 - _MOMENTUM) * excess
            length += slope[node] * slope[node]
        figures[STEPS] += 1.0
        hopeless = figures[STRIDE] < _STRIDE_RATIO_MIN * max(abs(figures[VALUE]), 1.0)
        if hopeless or length == 0.0 or figures[STEPS] >= _STEPS_MAX:
            figures[DONE] = 1.0
            break
        step = (figures[VALUE] + figures[STRIDE] - value) / length
        for node in range(len(now)):
            now[node] = max(0.0, now[node] + step * slope[node])
    return bool(figures[DONE] > 0.0)


@inner
def _value(costs: Floats, usages: Floats, capacities: Floats, out_prices: Prices) -> float:
    """Give the bound at the prices to be tried, and keep what the nodes would carry."""
    least, choices, loads = out_prices.least, out_prices.choices, out_prices.loads
    least[:] = np.inf
    # Node by node, so that the pairs are read in order, several at once.
    for node in range(len(loads)):
        price = out_prices.now[node]
        for task in range(len(least)):
            cost = costs[node, task] + price * usages[node, task]
            if cost < least[task]:
                least[task] = cost
                choices[task] = node
    loads[:] = 0.0
    value = 0.0
    for task in range(len(least)):
        value += least[task]
        loads[choices[task]] += usages[choices[task], task]
    for node in range(len(loads)):
        value -= out_prices.now[node] * capacities[node]
    return value


@kernel
def proven_bound(costs: Floats, usages: Floats, capacities: Floats, prices: Floats) -> int:
    """Give a cost that no assignment of all tasks can be below: exact, whatever the prices are.

    Any prices of at least 0 give a valid bound. So they are rounded down to multiples of a power of
    two, and all is then summed in whole numbers of 64 bits; the end result is rounded up, since
    costs are whole. Every task must have a node that it can take, and a node no capacity of more
    than all tasks use there. |costs| and usages are at most 10^9, and T is at most 10^5.
    """
    node_count, task_count = costs.shape
    scale = _scale(costs, usages, capacities, prices)
    # Prices beyond reason prove nothing: without any, each task's least cost does.
    whole = np.int64(scale) if scale >= 1.0 else np.int64(1)
    least = np.full(task_count, np.iinfo(np.int64).max)
    total = np.int64(0)
    for node in range(node_count):
        price = np.int64(prices[node] * scale) if scale >= 1.0 else np.int64(0)
        total -= price * np.int64(capacities[node])
        for task in range(task_count):
            if costs[node, task] < np.inf:
                cost = np.int64(costs[node, task]) * whole + price * np.int64(usages[node, task])
                least[task] = min(least[task], cost)
    for task in range(task_count):
        total += least[task]
    return int(-((-total) // whole))


@inner
def _scale(costs: Floats, usages: Floats, capacities: Floats, prices: Floats) -> float:
    """Give the largest power of two, 2^20 at most, with which all sums keep within 64 bits."""
    node_count, task_count = costs.shape
    dearest, worth = 1.0, 1.0
    for node in range(node_count):
        worth += prices[node] * capacities[node]
        for task in range(task_count):
            if costs[node, task] < np.inf:
                cost = abs(costs[node, task]) + prices[node] * usages[node, task]
                dearest = max(dearest, cost)
    scale = _SCALE_MAX
    while scale >= 1.0 and (worth + dearest * task_count) * scale > _SUM_MAX:
        scale *= 0.5
    return scale
