"""The invariant checkers: they watch from outside and share no code with what they watch."""
