"""What a fence agent says of itself, and whether options fit it.

The format is that of ClusterLabs (fence-agents, doc/FenceAgentAPI.md, "Agent metadata"). An option
may have had another name before: the newer one says which by `obsoletes`; agents take both.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from tandem.node.fencing.agent import DIRECTORIES, OK, AgentError, call, find_agent

DEADLINE_S: Final = 10.0
MOST_BYTES: Final = 1 << 20

_SECRET_WORDS: Final = ("passw", "passphrase", "secret", "token", "community", "hexadecimal_kg")
_NO_SECRETS: Final = ("_script", "_file", "_path", "_timeout")
_TRUTHS: Final = frozenset({"0", "1", "yes", "no", "on", "off", "true", "false"})


class OptionError(Exception):
    """What an agent is to be told does not fit it; the message is for the administrator."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One option of an agent.

    Attributes:
        name: of it.
        kind: "string", "boolean", "integer", "second" or "select".
        choices: of a "select".
        is_required: the agent does nothing without it.
        default: what it is unless told; None: nothing.
        obsoletes: an older name of the same.
        is_deprecated: this is such an older name.
    """

    name: str
    kind: str = "string"
    choices: tuple[str, ...] = ()
    is_required: bool = False
    default: str | None = None
    obsoletes: str = ""
    is_deprecated: bool = False


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an agent says of itself.

    Attributes:
        agent: its name.
        parameters: by name.
        actions: that it knows.
    """

    agent: str
    parameters: Mapping[str, Parameter]
    actions: frozenset[str]

    @property
    def has_status(self) -> bool:
        """Whether it can say if a node is off."""
        return "status" in self.actions


async def metadata_of(agent: str, directories: Sequence[Path] = DIRECTORIES) -> Metadata:
    """Ask an agent what it is.

    Raises:
        AgentError: it is not there, does not answer, or answers what is none.
    """
    program = find_agent(agent, directories)
    reply = await call(program, "metadata", {}, {}, DEADLINE_S, MOST_BYTES)
    if reply.status != OK:
        raise AgentError(
            f"{agent} does not describe itself (exit status {reply.status}). It said: {reply.line}."
        )
    return parse_metadata(agent, reply.said)


def parse_metadata(agent: str, text: str) -> Metadata:
    """Read what an agent prints when it is asked for `metadata`; warnings around it are dropped.

    Raises:
        AgentError: it is no description of a fence agent.
    """
    begin, end = max(0, text.find("<resource-agent")), text.rfind("</resource-agent>")
    try:
        # Of a program that runs as root anyway.
        root = ET.fromstring(text[begin : end + len("</resource-agent>")])  # noqa: S314
    except ET.ParseError as error:
        raise AgentError(
            f"What {agent} says of itself is no description of a fence agent: {error}."
        ) from None
    parameters = [_parameter(found) for found in root.iterfind("parameters/parameter")]
    actions = {found.get("name", "") for found in root.iterfind("actions/action")}
    return Metadata(agent, {it.name: it for it in parameters}, frozenset(actions))


def is_secret(name: str) -> bool:
    """Whether an option holds what nobody should read, by its name: agents do not tell."""
    return any(word in name for word in _SECRET_WORDS) and not name.endswith(_NO_SECRETS)


def check(metadata: Metadata, options: Mapping[str, str], action: str) -> None:
    """Refuse what the agent would pass over or refuse.

    Args:
        metadata: of the agent.
        options: all that it will be told, secrets included.
        action: what it will be asked to do.

    Raises:
        OptionError: names the option, never the value of a secret.
    """
    for problem in _problems(metadata, options, action):
        raise OptionError(problem)


def _problems(metadata: Metadata, options: Mapping[str, str], action: str) -> Iterator[str]:
    agent = metadata.agent
    if missing := {"off", *(["on"] if action == "reboot" else [])} - metadata.actions:
        yield f"{agent} cannot switch a node {min(missing)}: it only knows {_list(metadata)}."
    for name, value in options.items():
        parameter = metadata.parameters.get(name)
        if parameter is None:
            near = get_close_matches(name, metadata.parameters, 3)
            hint = f" Did you mean {', '.join(near)}?" if near else ""
            yield f"{agent} has no option '{name}'.{hint}"
        elif problem := _misfit(parameter, value):
            yield f"Option '{name}' of {agent} {problem}."
    for parameter in metadata.parameters.values():
        if _is_lacking(parameter, options):
            yield f"{agent} needs the option '{parameter.name}'."


def _misfit(parameter: Parameter, value: str) -> str:
    if parameter.kind == "boolean" and value.lower() not in _TRUTHS:
        return "is 1 or 0"
    if parameter.kind in {"integer", "second"} and not value.removeprefix("-").isdecimal():
        return "is a whole number" + (" of seconds" if parameter.kind == "second" else "")
    if parameter.choices and value not in parameter.choices:
        return f"is one of {', '.join(parameter.choices)}"
    return ""


def _is_lacking(parameter: Parameter, options: Mapping[str, str]) -> bool:
    return (
        parameter.is_required
        and not parameter.is_deprecated
        and parameter.name != "action"
        and parameter.default is None
        and not {parameter.name, parameter.obsoletes} & options.keys()
    )


def _list(metadata: Metadata) -> str:
    return ", ".join(sorted(metadata.actions)) or "nothing"


def _parameter(found: ET.Element) -> Parameter:
    content = found.find("content")
    kind = "string" if content is None else content.get("type", "string")
    choices = () if content is None else content.iterfind("option")
    return Parameter(
        name=found.get("name", ""),
        kind=kind,
        choices=tuple(it.get("value", "") for it in choices),
        is_required=found.get("required") == "1",
        default=None if content is None else content.get("default"),
        obsoletes=found.get("obsoletes", ""),
        is_deprecated=found.get("deprecated") == "1",
    )
