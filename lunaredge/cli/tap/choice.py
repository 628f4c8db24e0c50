"""What of all that is said is to be shown: nodes, classes, channels, topics."""

from fnmatch import fnmatchcase

import msgspec

from lunaredge.errors import ConfigError
from lunaredge.ids import NodeId, SiteId, is_name
from lunaredge.wire.messages import RECORD_CLASSES, RecordClass
from lunaredge.wire.topic_table import PATTERNS
from lunaredge.wire.topics import ROOT, Topic, build

ANY = NodeId("+")
UP = "up"
BIRTH = "birth"
_RECORDS = tuple(each.value for each in RECORD_CLASSES)
_CHANNELS = tuple(dict.fromkeys(each.channel for each in PATTERNS if each.channel != UP))
# A record is of its class, all else of the channel that it is said on.
CLASSES = (*_RECORDS, *_CHANNELS)
# What has channels of telemetry.
_MEASURED = (RecordClass.RAW.value, RecordClass.SUMMARY.value)


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be shown; an empty tuple or text means all."""

    site: SiteId
    nodes: tuple[NodeId, ...] = ()
    channels: tuple[str, ...] = ()
    """Patterns of the names of telemetry channels, as of files in a shell."""
    classes: tuple[str, ...] = ()
    topic: str = ""
    """A filter as MQTT has them, from the root on."""

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """Give what to ask the broker for: what is shown, and what it is read by."""
        nodes = self.nodes or (ANY,)
        tables = tuple(build(self.site, node, BIRTH) for node in nodes)
        if self.topic:
            return (self.topic, *(table for table in tables if table != self.topic))
        if not self.classes:
            return tuple(build(self.site, node, "#") for node in nodes)
        wanted = dict.fromkeys(
            build(self.site, node, UP, name)
            if name in _RECORDS
            else build(self.site, node, name, "#")
            for node in nodes
            for name in self.classes
        )
        birth = tuple(f"{table}/#" for table in tables)
        return (*wanted, *(() if set(birth) <= wanted.keys() else tables))

    def takes(self, topic: Topic) -> bool:
        """Tell whether what is said on a topic is to be shown."""
        if self.nodes and topic.node not in self.nodes:
            return False
        if self.classes and class_of(topic) not in self.classes:
            return False
        return not self.topic or is_match(self.topic, build(*topic))

    def takes_channel(self, name: str) -> bool:
        """Tell whether a telemetry channel is to be shown."""
        return not self.channels or any(fnmatchcase(name, each) for each in self.channels)


def class_of(topic: Topic) -> str:
    """Give the word by which what is said on a topic is chosen."""
    return topic.detail if topic.channel == UP else topic.channel


def choice_of(
    site: SiteId,
    nodes: tuple[str, ...],
    channels: tuple[str, ...],
    classes: tuple[str, ...],
    topic: str | None,
) -> Choice:
    """Give the choice that was typed.

    Raises:
        ConfigError: a name that can be none, or a filter that MQTT doesn't have.
    """
    for node in nodes:
        if not is_name(node):
            raise _wrong("NODE", node, "`lunaredge nodes` lists them")
    if channels and not classes:
        classes = _MEASURED
    if channels and not set(classes) & set(_MEASURED):
        raise _wrong("--channel", channels[0], "give it with --class raw or summary, or alone")
    if topic is not None and not _is_filter(topic):
        raise _wrong(
            "--topic",
            topic,
            "give levels with / between, + for any one, # at the end for all below",
        )
    whole = f"{ROOT}/{site}/{topic}" if topic and not topic.startswith(f"{ROOT}/") else topic
    return Choice(
        site=site,
        nodes=tuple(map(NodeId, nodes)),
        channels=channels,
        classes=classes,
        topic=whole or "",
    )


def is_match(wanted: str, topic: str) -> bool:
    """Tell whether a topic is one of those that an MQTT filter stands for."""
    levels, given = wanted.split("/"), topic.split("/")
    if levels[-1] == "#":
        levels.pop()
        given = given[: len(levels)]
    pairs = zip(levels, given, strict=False)
    return len(levels) == len(given) and all(level in ("+", word) for level, word in pairs)


def _is_filter(text: str) -> bool:
    levels = text.split("/")
    has_room = len(text.encode()) <= 1_000 and text.isprintable()
    is_wild = any(("+" in level or "#" in level) and len(level) > 1 for level in levels)
    return all(levels) and has_room and not is_wild and "#" not in levels[:-1]


def _wrong(key: str, value: str, remedy: str) -> ConfigError:
    return ConfigError("can't be used", place="lunaredge tap", key=key, value=value, remedy=remedy)
