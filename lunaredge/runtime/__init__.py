"""Shells: the asyncio driver of the cores, MQTT, storage, clocks, keys, settings and logs."""
