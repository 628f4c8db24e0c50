"""The one decorator for compiled code, and the array types of every kernel's signature.

Numba's cache knows the text of a kernel's own file and of no other. So a kernel never calls a
kernel of another file, and never reads another file's constant: a test holds this.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_F = TypeVar("_F", bound=Callable[..., object])


def kernel(function: _F) -> _F:
    """Compile a function, cached on disk, releasing the interpreter lock while it runs.

    No fastmath and no parallel reductions: the same input gives the same bits on every run.
    """
    return cast(_F, numba.njit(cache=True, nogil=True)(function))


def is_array(array: Floats | Ints | Flags, dtype: type, *shape: int | None) -> bool:
    """Tell whether an array is C-contiguous, of that dtype and shape (None: any length)."""
    return (
        array.dtype == dtype
        and array.flags.c_contiguous
        and array.ndim == len(shape)
        and all(want is None or want == have for want, have in zip(shape, array.shape, strict=True))
    )


def is_finite(array: Floats) -> bool:
    """Tell whether an array holds neither NaN nor infinities."""
    return bool(np.isfinite(array).all())
