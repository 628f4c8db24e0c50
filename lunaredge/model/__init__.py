"""What a construction site is: frozen values and plain figures, without clocks or I/O."""
