"""The node agent: what runs on every board. Pure; needs no numpy, no pydantic and no site file."""
