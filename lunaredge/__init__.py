"""lunaredge: an edge-compute orchestration runtime for autonomous lunar construction."""

__version__ = "0.1.0"
