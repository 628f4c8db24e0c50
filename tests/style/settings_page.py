"""The page of every setting, drawn from the classes that read them.

``python -m tests.style.settings_page`` writes it anew.
"""

from collections.abc import Iterator
from typing import Literal, get_args, get_origin

import msgspec
from pydantic import BaseModel

from lunaredge.agent import channels
from lunaredge.agent.config import AgentConfig
from lunaredge.cli.schema.docstrings import field_texts
from lunaredge.runtime.client_settings import ClientFile
from lunaredge.runtime.clock import Anchor
from lunaredge.runtime.mqtt import LinkSettings
from lunaredge.runtime.settings import AgentSettings
from lunaredge.runtime.site_settings import (
    ArchiveProcessSettings,
    BrokerPlace,
    BrokerSettingsFile,
    ClockPart,
    EarthSettings,
    GatewaySettings,
    MachinesSettings,
    SchedulerSettings,
    SpaceLinkPart,
)
from lunaredge.wire.policy import ChannelPolicy
from tests.style.source import ROOT

REQUIRED = "required"
PAGE = ROOT / "docs/reference/settings.md"

SECTIONS = {
    "`lunaredge broker`": {"": BrokerSettingsFile},
    "`lunaredge scheduler`": {"": SchedulerSettings, "broker": BrokerPlace, "clock": ClockPart},
    "`lunaredge archive`": {"": ArchiveProcessSettings},
    "`lunaredge gateway`": {"": GatewaySettings},
    "`lunaredge earth`": {"": EarthSettings},
    "`lunaredge machines`": {"": MachinesSettings, "space": SpaceLinkPart},
    "`lunaredge agent`": {
        "": AgentSettings,
        "agent": AgentConfig,
        "agent.channels.NAME": ChannelPolicy,
        "broker": LinkSettings,
        "clock": Anchor,
    },
    "Operators' commands (`nodes`, `submit`, `estop`, ...)": {"": ClientFile},
}

HEAD = """\
# Settings

Generated from the code; a test keeps it current. To write it anew:

    python -m tests.style.settings_page

Settings are TOML. Paths are relative to the file's folder. Any setting can be given from the
environment, on top of the file: `LUNAREDGE__BROKER__PORT=1884` stands for `port = 1884` under
`[broker]`. A variable is read as a TOML value, and as text when it is none or when the setting
takes only text: `LUNAREDGE__BROKER__PROTOCOL=5` needs no quotes. What is not understood is refused,
with one line that names the file or the variable, the key, and what to write; exit code 2.

The gateway and the Earth station take the same `[broker]` and `[clock]` as the scheduler, an
operator's client the same as the agent. A table that may be left out has defaults for all it holds.
"""


def page() -> str:
    """Give the page."""
    parts = [HEAD]
    for title, tables in SECTIONS.items():
        parts.append(f"\n## {title}\n")
        for name, shape in tables.items():
            parts.append(f"\n`[{name}]`:\n" if name else "")
            parts.append("\n| setting | default | what |\n|---|---|---|\n")
            rows = _written(shape) if issubclass(shape, BaseModel) else _struct(shape)
            parts += [f"| `{key}` | {default} | {text} |\n" for key, default, text in rows]
            parts += _channels() if shape is ChannelPolicy else []
    return "".join(parts)


def _channels() -> Iterator[str]:
    """Give the table of a machine's channels, and when each is sent if nobody says otherwise."""
    yield "\nA computer's agent has those from `tasks_count` on. Each is sent so by itself:\n\n"
    yield "| channel | unit | type | `deadband` | `period_s_min` | `period_s_max` |\n"
    yield "|---|---|---|---|---|---|\n"
    own = channels.policies(is_machine=True)
    for each in channels.table(is_machine=True):
        policy = own[each.name]
        figures = (policy.deadband, policy.period_s_min, policy.period_s_max)
        cells = " | ".join(f"{figure:g}" for figure in figures)
        yield f"| `{each.name}` | {each.unit} | {each.dtype.value} | {cells} |\n"


def _written(shape: type[BaseModel]) -> Iterator[tuple[str, str, str]]:
    for name, field in shape.model_fields.items():
        default = REQUIRED if field.is_required() else _shown(field.default)
        text = field.description or f"table `[{name}]`"
        choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
        if choices and choices[0] not in text:
            text += ": one of " + ", ".join(choices)
        yield name, default, text


def _struct(shape: type[msgspec.Struct]) -> Iterator[tuple[str, str, str]]:
    # Said once where the site's processes have the same table.
    shared = {name: text for part in (BrokerPlace, ClockPart) for name, _, text in _written(part)}
    texts = shared | field_texts(shape)
    for field in msgspec.structs.fields(shape):
        default = REQUIRED if field.required else _shown(field.default)
        if field.default_factory is not msgspec.NODEFAULT:
            default = "left out"
        yield field.name, default, texts.get(field.name, "")


def _shown(value: object) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, msgspec.Struct | BaseModel):
        return "left out"
    return f"`{getattr(value, 'value', value)}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
