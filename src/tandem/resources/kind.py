"""What every kind of resource promises, whatever it keeps running.

A kind reads the options of a definition once, and makes two things of them: the `Resource`, with
which the agent starts, stops and examines it, and the `Grip`, with which the pulse prolongs and
kills it. The two live in different processes and share nothing but the kernel: each finds what runs
by itself, so an agent that begins anew takes up what its predecessor started.

All instants are CLOCK_BOOTTIME in microseconds (`tandem.clock.Clock.boot_us`). A deadline that has
passed is no error of the caller: it is answered like one that passes while waiting.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tandem.clock import Clock
from tandem.cluster.exclusive.values import Token


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node keeps what it needs to know of what runs on it.

    Attributes:
        node_id: the node.
        run_directory: its own, below /run, where nothing outlives the machine; mode 0700.
        control_group: the directory, in the mounted hierarchy of version 2, below which each
            process gets its own control group. It is this node's alone.
        clock: CLOCK_BOOTTIME.
    """

    node_id: str
    run_directory: Path
    control_group: Path
    clock: Clock


class ResourceError(Exception):
    """What went wrong with a resource, as sentences for an administrator: with which, and what."""


class OptionError(ResourceError):
    """The definition cannot be used as it is."""


class StartError(ResourceError):
    """It does not run as asked. What a failed start left behind is for `stop`."""


class LateStartError(StartError):
    """There was too little left of what the node is entitled to: with more it may well start."""


class StopUnproven(ResourceError):  # noqa: N818 - it may well have stopped
    """It is not proven that nothing of it runs any more. Never start it elsewhere: fence."""


class ProbeError(ResourceError):
    """It could not be found out whether it runs. That is never the same as "it does not"."""


class ExtendError(ResourceError):
    """The kernel did not take the later deadline: the earlier one stands."""


class Presence(enum.Enum):
    """Whether a resource runs on this node."""

    ABSENT = "absent"
    """Nothing of it runs here: proven."""
    OURS = "ours"
    """It runs, started by Tandem on this node."""
    REMNANT = "remnant"
    """Part of it is left of a start by Tandem, and nobody holds it: stop it."""
    FOREIGN = "foreign"
    """It runs, and Tandem did not start it: at boot, by hand, by another manager."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a probe found.

    Attributes:
        presence: whether it runs.
        token: with which it was started; None unless `OURS`.
        evidence: what was looked at and seen, as a sentence.
    """

    presence: Presence
    token: Token | None
    evidence: str


@dataclass(frozen=True, slots=True)
class Health:
    """Whether something does what it is there for.

    Attributes:
        is_well: whether it does.
        said: why so, as a sentence.
    """

    is_well: bool
    said: str


class Resource(Protocol):
    """One resource, as the agent holds it. No two calls to one resource run at the same time."""

    @property
    def unprotected_because(self) -> str | None:
        """None where the kernel ends it at its deadline though nothing of Tandem runs any more.

        Else why that is not proven, as a sentence. Such a resource is refused as a strict one,
        unless the operator has said that it may be unprotected.
        """
        ...

    async def probe(self, by_us: int) -> Found:
        """Find out whether it runs here, whoever started it. Changes nothing.

        Args:
            by_us: when an answer is no longer of use.

        Raises:
            ProbeError: it cannot be told, or not by then.
        """
        ...

    async def prepare(self, by_us: int) -> None:
        """Let stand ready what a start needs, so that it takes no longer than it must.

        Nothing of the resource runs by that. Again, it only looks whether that still stands. It
        ends with this object, unless the resource was started meanwhile.

        Args:
            by_us: when it is no longer of use.

        Raises:
            StartError: it does not stand; a start does without.
        """
        ...

    async def start(self, token: Token, until_us: int, by_us: int) -> None:
        """Start it, with its end set in the kernel before its first instruction.

        Again with the same token, it only prolongs. It begins with a probe: what runs with
        another token, as a remnant or as a stranger, is refused.

        Args:
            token: entitles it to run; handed to it where the kind can.
            until_us: when nothing of it may run any more, unless `extend` puts that off. The kind
                sets the kernel's deadline earlier, by what it takes the kernel to end it, as far as
                that is known (docs/design/resources.md, "An end is the end").
            by_us: when it must run. A start that is late is taken back as far as it can be.

        Raises:
            LateStartError: it does not run, since `until_us` is too near; call `stop`.
            StartError: it does not run as asked; call `stop`.
        """
        ...

    async def stop(self, ask_until_us: int, by_us: int) -> None:
        """End it, and prove that nothing of it runs any more.

        It ends what Tandem started, and whatever else is surely this resource (an address, a
        unit). It is right at any time: before a start, after a failed one, and again.

        Args:
            ask_until_us: until then it is asked, so that it can end in order; then it is killed.
                One that has passed kills at once.
            by_us: when the proof must be there.

        Raises:
            StopUnproven: it is not. The call may be repeated.
        """
        ...

    async def health(self, by_us: int) -> Health:
        """Whether what was started still runs as it should, as far as the kind itself can see.

        What a user would see is for the checks of its definition (`tandem.resources.checks`).

        Args:
            by_us: when an answer is no longer of use. None by then is an answer: not well.
        """
        ...


class Grip(Protocol):
    """One resource, as the pulse holds it: what entitles it to run on, and what ends it.

    It works whatever became of the agent, imports little, and never waits but in `kill`.
    """

    def extend(self, until_us: int) -> None:
        """Put its end in the kernel off. It never waits, and never brings the end forward.

        Of a resource that does not run it may say nothing: health and probe do.

        Args:
            until_us: the new end. An earlier one than it has does nothing.

        Raises:
            ExtendError: the kernel did not take it.
        """
        ...

    async def kill(self, by_us: int) -> None:
        """End it at once, without asking, and prove it: `Resource.stop` with no patience.

        Raises:
            StopUnproven: it is not proven that it has ended. Fence.
        """
        ...

    def close(self) -> None:
        """Let go of what is open. The resource goes on until its end in the kernel."""
        ...


class Kind(Protocol):
    """What can be kept running: reads definitions.

    Attributes:
        name: as definitions say it: `process`, `unit`, `address`.
    """

    @property
    def name(self) -> str:
        """As definitions say it."""
        ...

    def resource(self, resource_id: str, options: Mapping[str, object], place: Place) -> Resource:
        """Make the agent's hold of a resource. Touches nothing yet.

        Args:
            resource_id: its name in the cluster: letters, digits, dots, dashes, underscores.
            options: of its definition, as read from JSON or TOML.
            place: where this node keeps things.

        Raises:
            OptionError: an option is missing, unknown or wrong; says which, and what is allowed.
        """
        ...

    def grip(self, resource_id: str, options: Mapping[str, object], place: Place) -> Grip:
        """Make the pulse's hold of the same resource. Touches nothing yet.

        Raises:
            OptionError: as `resource` does.
        """
        ...
