"""The fallback broker, as a process: ``python -m lunaredge.runtime.amqtt_broker HOST PORT``.

amqtt is pure Python and speaks MQTT 3.1.1 only. It keeps everything in memory and loses offline
sessions, so it is labelled degraded: with end-to-end acknowledgement that costs time, not data.
"""

import asyncio
import logging
import signal
import sys


async def serve(host: str, port: int) -> None:
    """Run the broker until SIGTERM or SIGINT."""
    # Imported late: this module's name is spelt where amqtt may be missing.
    from amqtt.broker import Broker

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}"}},
            "plugins": {
                "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
            },
        }
    )
    await broker.start()
    await stop.wait()
    await broker.shutdown()


def main() -> None:
    """Run with the host and port of the command line."""
    # It logs every packet, and every client that leaves, as warnings.
    logging.disable(logging.CRITICAL)
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))


if __name__ == "__main__":
    main()
