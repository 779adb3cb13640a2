"""What happens to the holder of an address (`Event`), and what it is to do (`Effect`)."""

from dataclasses import dataclass

from tandem.cluster.exclusive.values import Token
from tandem.resources.address.neighbours import Claim
from tandem.resources.address.netlink import Link


@dataclass(frozen=True, slots=True)
class Begin:
    """Take the address.

    Attributes:
        token: entitles to it.
        until_us: as long as that.
        by_us: when it must be there, or is of no use.
        link: where.
    """

    token: Token
    until_us: int
    by_us: int
    link: Link


@dataclass(frozen=True, slots=True)
class Extend:
    """The node is entitled until then, at the least."""

    until_us: int


@dataclass(frozen=True, slots=True)
class Drop:
    """Let go of the address, at once."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Another host spoke of the address as its own, or soon its own."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class LinkIs:
    """How the interface is now; None: it is gone."""

    link: Link | None


@dataclass(frozen=True, slots=True)
class Added:
    """The kernel took the address, or its refresh."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The kernel did not do what was ordered; `why` is a sentence."""

    why: str


@dataclass(frozen=True, slots=True)
class Removed:
    """The kernel or another program removed the address."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed."""


Event = Begin | Extend | Drop | Heard | LinkIs | Added | Failed | Removed | Tick


@dataclass(frozen=True, slots=True)
class Probe:
    """To do: ask on this interface who has the address."""

    link: Link


@dataclass(frozen=True, slots=True)
class Add:
    """To do: add or refresh it on this interface, before that instant; then `Added` or `Failed`."""

    link: Link
    before_us: int


@dataclass(frozen=True, slots=True)
class Announce:
    """To do: tell all others that it is at this interface, before that instant."""

    link: Link
    before_us: int


@dataclass(frozen=True, slots=True)
class Remove:
    """To do: take it away, and see that it is gone."""


@dataclass(frozen=True, slots=True)
class Begun:
    """To tell: it is here."""


@dataclass(frozen=True, slots=True)
class Refused:
    """To tell: it was not taken, and `why`, as a sentence."""

    why: str


Effect = Probe | Add | Announce | Remove | Begun | Refused
