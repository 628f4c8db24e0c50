"""The broker's process: finds the best broker there is, and becomes it."""

import os
from pathlib import Path

import msgspec

from lunaredge.node import Level
from lunaredge.runtime.broker import Broker, BrokerChoice, BrokerSettings, find_broker
from lunaredge.runtime.log import log_event, set_up_logging
from lunaredge.runtime.settings import beside
from lunaredge.runtime.site_settings import BrokerSettingsFile


def run_broker(path: Path, settings: BrokerSettingsFile) -> None:
    """Become the broker: this process is replaced by it.

    Raises:
        ConfigError, TransportError: there is none, or its port is taken.
    """
    program = find_broker(beside(path, settings.cache), BrokerChoice(settings.choice))
    place = BrokerSettings(
        port=settings.port, folder=beside(path, settings.folder), host=settings.host
    )
    broker = Broker(program, place)
    command, environment = broker.prepare()
    about = broker.describe()
    set_up_logging("broker")
    log_event(Level.INFO, "broker.chosen", msgspec.structs.asdict(about))
    os.execve(command[0], command, environment)
