import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import assign as naive_assign
from naive import cheapest_of_set_s
from scipy.optimize import linear_sum_assignment

from lunaredge.kernels.assignment import assign

INF = np.inf
