"""What a construction site is: frozen values, without behaviour, clocks or I/O."""
