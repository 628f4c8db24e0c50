"""The scheduler at the base: what is to be done, by whom, and who may be where. Pure."""
