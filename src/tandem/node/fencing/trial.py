"""Whether a fence device would do its work: it is asked for the status, and each failure is told.

Nothing is switched, and nothing is confirmed by it.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem.node.fencing.agent import (
    DIRECTORIES,
    OFF,
    OK,
    AgentError,
    AgentMissingError,
    AgentTimeoutError,
    Reply,
    call,
    find_agent,
)
from tandem.node.fencing.device import OpenDevice
from tandem.node.fencing.metadata import OptionError, check, metadata_of

_REFUSED: Final = ("login denied", "unable to connect/login", "authentication", "permission denied")
_UNREACHED: Final = ("connection timed out", "connection refused", "no route", "connection lost")


class Finding(enum.StrEnum):
    """What came of a trial."""

    READY = "ready"
    NOT_INSTALLED = "not_installed"
    WRONG_OPTION = "wrong_option"
    TIMED_OUT = "timed_out"
    LOGIN_REFUSED = "login_refused"
    NOT_REACHED = "not_reached"
    FAILED = "failed"
    WRONG_NODE = "wrong_node"
    """It says that the node is off, and that node is heard: it is another machine's plug."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The outcome.

    Attributes:
        finding: in one word.
        said: as a sentence.
    """

    finding: Finding
    said: str


async def try_device(
    it: OpenDevice, *, is_heard: bool, directories: Sequence[Path] = DIRECTORIES
) -> Trial:
    """Ask a device for the status of its node; where it cannot say, whether it is there.

    Args:
        it: the device.
        is_heard: the node is known to be on: this one, or one whose heartbeats arrive.
        directories: where agents are.
    """
    device = it.device
    try:
        metadata = await metadata_of(device.agent, directories)
        check(metadata, {**device.options, **it.secrets}, device.action)
        action = "status" if metadata.has_status else "monitor"
        program = find_agent(device.agent, directories)
        reply = await call(program, action, device.options, it.secrets, device.timeout_s)
    except AgentMissingError as problem:
        return Trial(Finding.NOT_INSTALLED, str(problem))
    except AgentTimeoutError as problem:
        return Trial(
            Finding.TIMED_OUT,
            f"{problem} Is the device's address right, and is it reached from this node?",
        )
    except AgentError as problem:
        return Trial(Finding.FAILED, str(problem))
    except OptionError as problem:
        return Trial(Finding.WRONG_OPTION, str(problem))
    return _judged(it, reply, action, is_heard=is_heard)


def _judged(it: OpenDevice, reply: Reply, action: str, *, is_heard: bool) -> Trial:
    if action == "status" and reply.status == OFF:
        if is_heard:
            return Trial(
                Finding.WRONG_NODE,
                f"{it.name} says that the node is off, though it is heard: this device switches"
                " another machine. Fencing by it would confirm what is not so; correct it.",
            )
        return Trial(Finding.READY, f"{it.name} answers: the node is off.")
    if reply.status == OK:
        state = "the node is on" if action == "status" else "it is there (it tells no status)"
        return Trial(Finding.READY, f"{it.name} answers: {state}.")
    said = reply.said.lower()
    if any(words in said for words in _UNREACHED):
        why = Finding.NOT_REACHED
        hint = "Is its address right, and is it reached from this node?"
    elif any(words in said for words in _REFUSED):
        why = Finding.LOGIN_REFUSED
        hint = "Are its user name and password right, and is it reached from this node?"
    else:
        why, hint = Finding.FAILED, f"The manual of the agent: `man {it.device.agent}`."
    return Trial(
        why, f"{it.name} failed (exit status {reply.status}). It said: {reply.line}. {hint}"
    )
