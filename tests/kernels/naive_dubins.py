"""The slow twin of the shortest ways: whole arrays, one word after the other."""

import math

import numpy as np

WORDS = ((1, 1), (-1, -1), (1, -1), (-1, 1))


def parts_of(a, b, radius):
    """Arc, straight and arc of each word from pose a to b, in radii; inf where there is none."""
    (dx, dy), found = (np.array(b[:2]) - a[:2]) / radius, []
    distance, bearing = math.hypot(dx, dy), math.atan2(dy, dx)
    for first, last in WORDS:
        alpha, beta = first * (a[2] - bearing), first * (b[2] - bearing)
        if first == last:
            across = math.cos(beta) - math.cos(alpha)
            along = distance + math.sin(alpha) - math.sin(beta)
            toward = math.atan2(across, along)
            parts = toward - alpha, math.hypot(across, along), beta - toward
        else:
            across = -math.cos(alpha) - math.cos(beta)
            along = distance + math.sin(alpha) + math.sin(beta)
            squared = across**2 + along**2 - 4.0
            straight = math.sqrt(squared) if squared >= 0.0 else math.inf
            toward = math.atan2(across, along) - math.atan2(-2.0, straight)
            parts = toward - alpha, straight, toward - beta
        found.append((parts[0] % math.tau, parts[1], parts[2] % math.tau))
    return found


def end_of(a, parts, word, radius):
    """Where a way leads, followed in 100,000 small steps of dead reckoning."""
    x, y, heading = a
    for turn, length in zip((word[0], 0, word[1]), parts, strict=True):
        step = length * radius / 100_000
        for _ in range(100_000):
            heading += 0.5 * turn * step / radius
            x, y = x + step * math.cos(heading), y + step * math.sin(heading)
            heading += 0.5 * turn * step / radius
    return x, y, heading
