"""By which devices a node is fenced, as the store keeps it under `fencing/<node id>`. Pure."""

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from tandem.cluster.document import Document, StoredValueError, encode

AGENT: Final = re.compile(r"fence_[a-z0-9_]{1,40}")
MOST_TIMEOUT_S: Final = 600
MOST_DELAY_S: Final = 60
MOST_OPTION: Final = 1000
"""Characters in one option."""

TIMEOUT_S: Final = 40
"""Unless said otherwise: an IPMI controller takes 5 to 20 s; less than the engine's own minute."""

_OPTION: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


class Action(enum.StrEnum):
    """What is done to a node."""

    OFF = "off"
    REBOOT = "reboot"
    """Off, and on again once that was confirmed."""


@dataclass(frozen=True, slots=True)
class Device:
    """One fence agent, and what it is told.

    Attributes:
        agent: the program, such as `fence_ipmilan`.
        options: what it is told, but secrets.
        sealed: secret options, sealed together with the rest (`sealing`).
        delay_s: to wait before it is asked.
        timeout_s: for switching off and the look at it afterwards, together.
        action: what is done to the node.
        has_status: whether it can be asked if the node is off.
    """

    agent: str
    options: Mapping[str, str] = field(default_factory=dict)
    sealed: str = field(default="", repr=False)
    delay_s: int = 0
    timeout_s: int = TIMEOUT_S
    action: Action = Action.OFF
    has_status: bool = True

    def __post_init__(self) -> None:
        if not AGENT.fullmatch(self.agent):
            raise StoredValueError(
                f"{self.agent!r} is not the name of a fence agent: they are called fence_..., such"
                " as fence_ipmilan. `ls /usr/sbin/fence_*` shows those that are installed."
            )
        if not 1 <= self.timeout_s <= MOST_TIMEOUT_S:
            raise StoredValueError(f"A fence agent gets from 1 to {MOST_TIMEOUT_S} s of time.")
        if not 0 <= self.delay_s <= MOST_DELAY_S:
            raise StoredValueError(f"A fence agent waits {MOST_DELAY_S} s at most before it acts.")
        check_options(self.options)

    def fields(self) -> dict[str, object]:
        """As stored."""
        return {
            "agent": self.agent,
            "options": dict(self.options),
            "sealed": self.sealed,
            "delay_s": self.delay_s,
            "timeout_s": self.timeout_s,
            "action": self.action.value,
            "has_status": self.has_status,
        }

    @classmethod
    def read(cls, stored: Document) -> Self:
        """Read one.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        options = stored.table("options")
        if not all(isinstance(value, str) for value in options.values()):
            raise StoredValueError(f"What {stored.what} holds as options is not text.")
        return cls(
            agent=stored.text("agent"),
            options={name: str(value) for name, value in options.items()},
            sealed=stored.text("sealed", ""),
            delay_s=stored.whole("delay_s", 0),
            timeout_s=stored.whole("timeout_s", TIMEOUT_S),
            action=stored.choice("action", Action, Action.OFF),
            has_status=stored.flag("has_status", default=True),
        )


@dataclass(frozen=True, slots=True)
class Fencing:
    """How a node is fenced.

    Attributes:
        node_id: whom it switches off.
        levels: tried in order, until all devices of one have confirmed.
    """

    node_id: str
    levels: tuple[tuple[Device, ...], ...]

    def encode(self) -> bytes:
        """As stored under `fencing/<node id>`."""
        return encode(
            {"levels": [{"devices": [it.fields() for it in level]} for level in self.levels]}
        )

    @classmethod
    def decode(cls, node_id: str, data: bytes) -> Self:
        """Read a stored definition.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        return cls.read(node_id, Document.read(f"the fencing of node '{node_id}'", data))

    @classmethod
    def read(cls, node_id: str, stored: Document) -> Self:
        """Read a definition.

        Raises:
            StoredValueError: it is not one that this release understands.
        """
        levels = tuple(
            tuple(Device.read(device) for device in level.parts("devices"))
            for level in stored.parts("levels")
        )
        if not levels or not all(levels):
            raise StoredValueError(f"The fencing of node '{node_id}' has a level without a device.")
        return cls(node_id, levels)


def check_options(options: Mapping[str, str]) -> None:
    """Refuse what an agent would read as something else: it gets one line for each option.

    Raises:
        StoredValueError: names the option, never its value.
    """
    for name, value in options.items():
        if not _OPTION.fullmatch(name):
            raise StoredValueError(f"{name[:64]!r} is not the name of an option of a fence agent.")
        if name in {"action", "nodename"}:
            raise StoredValueError(f"'{name}' is set by Tandem, and is no option to be given.")
        if len(value) > MOST_OPTION or not value.isprintable():
            raise StoredValueError(
                f"Option '{name}' has to be one line of printable text, {MOST_OPTION} characters"
                " at most."
            )
