"""The physics of simulated machines and the ground truth, pure: no clock, no chance, no I/O."""
