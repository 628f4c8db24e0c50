"""More judges of the same cases: swept areas by shapely, and fine samples by FCL."""

import numpy as np
import shapely

from tests.paths import oracle

FCL_STEPS = 200


def swept_gaps(cases):
    """Give the least gap of cases that don't turn, exactly: of b to the area that a sweeps.

    As seen from b, a translates; the area that a convex body sweeps then is the hull of its start
    and its end. Where they overlap the gap is 0 without the margins.
    """
    zero, one = np.zeros(len(cases)), np.ones(len(cases))
    a = oracle.placed(cases.corners_a, cases.motions_a, zero)
    b = oracle.placed(cases.corners_b, cases.motions_b, zero)
    a_end = oracle.placed(cases.corners_a, cases.motions_a, one)
    b_end = oracle.placed(cases.corners_b, cases.motions_b, one)
    seen_end = a_end - (b_end - b)[:, :1]
    hulls = shapely.convex_hull(shapely.multipoints(np.concatenate((a, seen_end), axis=1)))
    return shapely.distance(hulls, shapely.polygons(b)) - cases.margins.sum(axis=1)


def without_turns(cases):
    """Give the same cases, with the headings of the start all along."""
    motions_a, motions_b = cases.motions_a.copy(), cases.motions_b.copy()
    motions_a[:, 5], motions_b[:, 5] = motions_a[:, 2], motions_b[:, 2]
    return oracle.Cases(cases.corners_a, cases.corners_b, cases.margins, motions_a, motions_b)


def boxes(dice, count):
    """Draw cases that FCL can judge: rectangles about their origin."""
    cases = oracle.draw(dice, count)
    half_a, half_b = dice.uniform(0.3, 3.0, (2, count, 1, 2))
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    drawn = oracle.Cases(
        half_a * corners, half_b * corners, np.zeros((count, 2)), cases.motions_a, cases.motions_b
    )
    return oracle.brought_near(drawn, dice)


def fcl_meets(cases):
    """Tell which boxes FCL finds to collide at one of many steps; between them it may miss some.

    Its own continuous check is not asked: the same input gives other answers in another process.
    """
    import fcl

    found = np.zeros(len(cases), np.bool_)
    sides = ((cases.corners_a, cases.motions_a), (cases.corners_b, cases.motions_b))
    for k in range(len(cases)):
        # Thick in z, so that the depth there is never the least one.
        bodies = [
            fcl.CollisionObject(fcl.Box(*(2.0 * np.abs(corners[k]).max(axis=0)), 100.0))
            for corners, _ in sides
        ]
        for at in np.linspace(0.0, 1.0, FCL_STEPS):
            for body, (_, motions) in zip(bodies, sides, strict=True):
                x, y, heading = motions[k, :3] + at * (motions[k, 3:] - motions[k, :3])
                cos, sin = np.cos(heading), np.sin(heading)
                body.setRotation(np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]]))
                body.setTranslation(np.array([x, y, 0.0]))
            if fcl.collide(*bodies, fcl.CollisionRequest(), fcl.CollisionResult()):
                found[k] = True
                break
    return found
