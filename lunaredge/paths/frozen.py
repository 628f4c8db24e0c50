"""Values with arrays in them: nothing of theirs can be set anew, and what is copied is as frozen.

A route or a footprint that changed after it was checked, or after something was kept for it, would
make every answer about it wrong without a word.
"""

from typing import NoReturn

import numpy as np

from lunaredge.kernels.jit import Floats


class Frozen:
    """A value whose attributes are set once, while it is made, by `object.__setattr__`.

    Whoever inherits it says in `__reduce__` what makes an equal one: a copy is then made, and
    checked, as any other.
    """

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refuse to set anything.

        Raises:
            AttributeError: always.
        """
        raise AttributeError(f"{type(self).__name__} is a value: make another, with other {name}")

    def __delattr__(self, name: str) -> NoReturn:
        """Refuse to take anything away.

        Raises:
            AttributeError: always.
        """
        raise AttributeError(f"{type(self).__name__} is a value: its {name} stays")


def read_only(array: Floats) -> Floats:
    """Give a copy of a float64 array over memory that nobody can make writable again."""
    return np.ndarray(array.shape, np.float64, array.tobytes())
