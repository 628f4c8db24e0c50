"""`lunaredge broker|scheduler|archive|gateway|earth|agent|machines`: run one process of a site."""

import argparse
from pathlib import Path

WHOSE = {
    "broker": "the broker",
    "scheduler": "the scheduler",
    "archive": "the telemetry archive",
    "gateway": "the gateway",
    "earth": "the Earth station",
    "agent": "the agent",
    "machines": "the simulated machines",
}


def add_arguments(parser: argparse.ArgumentParser, command: str) -> None:
    """Add the option that names the settings, and what a process takes besides."""
    parser.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help=f"settings of {WHOSE[command]}"
    )
    if command == "scheduler":
        parser.add_argument(
            "--standby",
            action="store_true",
            help="wait while another scheduler has the store, and lead as soon as it is gone",
        )
    parser.epilog = "Ends in good order on SIGTERM or Ctrl-C; logs to stderr."


def run(options: argparse.Namespace) -> int:
    """Run the process until it is asked to end."""
    path: Path = options.config
    if options.command == "agent":
        # A board's process: nothing of the site's may be imported here.
        from lunaredge.runtime import processes, settings

        processes.run_agent(path, settings.load_agent_settings(path))
        return 0
    from lunaredge.runtime import site_settings as shapes

    match options.command:
        case "broker":
            from lunaredge.runtime.broker_process import run_broker

            run_broker(path, shapes.load_settings(path, shapes.BrokerSettingsFile))
        case "archive":
            from lunaredge.runtime.archive_process import run_archive

            run_archive(path, shapes.load_settings(path, shapes.ArchiveProcessSettings))
        case "gateway":
            from lunaredge.runtime.link_processes import run_gateway

            run_gateway(path, shapes.load_settings(path, shapes.GatewaySettings))
        case "earth":
            from lunaredge.runtime.link_processes import run_earth

            run_earth(path, shapes.load_settings(path, shapes.EarthSettings))
        case "scheduler":
            from lunaredge.runtime.site_processes import run_scheduler

            scheduling = shapes.load_settings(path, shapes.SchedulerSettings)
            run_scheduler(path, scheduling, standby=options.standby)
        case _:
            from lunaredge.runtime.site_processes import run_machines

            run_machines(path, shapes.load_settings(path, shapes.MachinesSettings))
    return 0
