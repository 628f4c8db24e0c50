"""What the telemetry archive holds, told: `lunaredge history|gaps|export`. Only reads."""
