"""Numbers only: NumPy and Numba. No objects, no clock, no randomness, no I/O."""
