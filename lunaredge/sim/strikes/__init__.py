"""Kinds of faults, a room for each thing that breaks; `sim.faults` says when they strike."""
