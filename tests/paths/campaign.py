"""A long contest of the continuous check against its judges.

    python -m tests.paths.campaign --cases 1000000

Prints one line of JSON per batch and a last one with the sums; exit code 1 if a collision was
missed or an alarm was false.
"""

import argparse
import json
import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from tests.paths import judges, oracle
from tests.paths.test_exactness import ALARM_M, MISS_M, meetings

BATCH = 5000
CORNERS = (3, 4, 5, 6, 8)
# FCL takes some milliseconds a case: it judges one in so many.
FCL_SHARE = 25


def judge(seed):
    """Draw one batch, ask the code, count what each judge says."""
    dice = np.random.default_rng(seed)
    cases = oracle.draw(dice, BATCH, CORNERS[seed % len(CORNERS)])
    found = Counter(cases=len(cases))
    low_m, high_m = oracle.least_gaps(cases)
    met = np.isfinite(meetings(cases))
    found["near"] = int((np.abs(high_m) < 0.06).sum())
    found["met"] = int(met.sum())
    found["missed"] = int((~met & (high_m < -MISS_M)).sum())
    found["missed_shallow"] = int((~met & (high_m < 0.0)).sum())
    found["false_alarms"] = int((met & (low_m > ALARM_M)).sum())

    straight = judges.without_turns(cases)
    gaps_m, met = judges.swept_gaps(straight), np.isfinite(meetings(straight))
    found["swept_cases"] = len(straight)
    found["swept_missed"] = int((~met & (gaps_m <= 0.0)).sum())
    found["swept_false_alarms"] = int((met & (gaps_m > ALARM_M)).sum())

    boxes = judges.boxes(dice, BATCH // FCL_SHARE)
    says, met = judges.fcl_meets(boxes), np.isfinite(meetings(boxes))
    found["fcl_cases"] = len(boxes)
    found["fcl_missed"] = int((says & ~met).sum())
    found["fcl_tunnelled"] = int((met & ~says).sum())
    return dict(found)


def say(stream, total):
    stream.write(json.dumps({key: total[key] for key in sorted(total)}) + "\n")
    stream.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + -(-options.cases // BATCH))
    total = Counter()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(judge, seeds):
            total.update(found)
            say(sys.stderr, total)
    say(sys.stdout, total)
    wrong = ("missed", "false_alarms", "swept_missed", "swept_false_alarms", "fcl_missed")
    return int(any(total[k] for k in wrong))


if __name__ == "__main__":
    sys.exit(main())
