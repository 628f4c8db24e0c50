"""The telemetry archive, pure: what is taken in, what is known now, what is told of it."""
