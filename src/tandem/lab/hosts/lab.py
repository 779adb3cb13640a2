"""A lab: hosts on networks on this machine, and what can be done to them."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tandem.clock import Clock, SystemClock
from tandem.lab.hosts import faults, power, volumes
from tandem.lab.hosts.book import Book
from tandem.lab.hosts.disks import VolumeFault
from tandem.lab.hosts.host import Host
from tandem.lab.hosts.journal import Entry
from tandem.lab.hosts.lifetime import Plan, bring_up, take_down
from tandem.lab.hosts.status import LabStatus, status_of
from tandem.lab.hosts.switch import Direction

BOTH_WAYS = tuple(Direction)


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab that is up. In a `with` statement, it is taken down at the end.

    Each method that changes something holds the lab's lock, writes to its journal, and may be
    called again: what is so already stays so. All raise `LabError`.

    Attributes:
        directory: of the lab.
        clock: for its journal.
    """

    directory: Path
    clock: Clock = field(default_factory=SystemClock)

    @classmethod
    def up(cls, directory: Path, plan: Plan | None = None, clock: Clock | None = None) -> "Lab":
        """Make a lab, and start its hosts.

        Args:
            directory: for all that it writes; made, and must be empty.
            plan: what it is to be; three nodes, a volume each, unless given.
            clock: for its journal.
        """
        lab = cls(directory, clock or SystemClock())
        bring_up(lab.book, plan or Plan())
        return lab

    @classmethod
    def open(cls, directory: Path, clock: Clock | None = None) -> "Lab":
        """A lab that somebody else has made."""
        lab = cls(directory, clock or SystemClock())
        lab.book.load()
        return lab

    @property
    def book(self) -> Book:
        """Its files."""
        return Book(self.directory, self.clock)

    def down(self) -> None:
        """Remove everything of it, also after a crash of whoever made it."""
        take_down(self.book)

    def host(self, name: str) -> Host:
        """A host: "node1" and on, "cameras" or "user"."""
        self.book.load().host(name)
        return Host(self.book, name)

    def status(self) -> LabStatus:
        """How it is now."""
        return status_of(self.book.load())

    def journal(self) -> list[Entry]:
        """All that was done to it, and when."""
        return self.book.journal.read()

    def start(self, host: str) -> None:
        """Switch a host on."""
        with self.book.change("start", host=host) as (state, _):
            power.start(self.book, state, [host])

    def kill(self, host: str) -> None:
        """Cut a host's power: nothing more comes from it, and what it had not synced is lost.

        Where hosts have no disks of their own (`LabStatus.keeps_unsynced_why`), that data stays,
        and a test of it proves nothing.
        """
        with self.book.change("kill", host=host) as (state, told):
            was_on = state.host(host).is_on
            has_disks = state.no_images_why is None
            told["unsynced_data"] = "dropped" if was_on and has_disks else "kept"
            power.kill(self.book, state, host)

    def freeze(self, host: str) -> None:
        """Let a host stand still, as a virtual machine that is paused: it answers nothing."""
        with self.book.change("freeze", host=host) as (state, _):
            faults.freeze(state, host)

    def thaw(self, host: str) -> None:
        """Let a host go on where it stood."""
        with self.book.change("thaw", host=host) as (state, _):
            faults.thaw(state, host)

    def cut(self, host: str, link: str, directions: Collection[Direction] = BOTH_WAYS) -> None:
        """Drop what passes between a host and a network, silently.

        Args:
            host: which.
            link: "a", "b", "cameras" or "users".
            directions: `OUT` what it sends, `IN` what it is sent; adds to what is cut already.
        """
        which = ", ".join(sorted(directions))
        with self.book.change("cut", host=host, link=link, directions=which) as (state, _):
            faults.cut(state, host, link, directions)

    def heal(self, host: str | None = None, link: str | None = None) -> None:
        """Undo cuts: of one host or of all, on one network or on all."""
        with self.book.change("heal", host=host, link=link) as (state, _):
            faults.heal(state, host, link)

    def break_volume(self, host: str, volume: str, fault: VolumeFault) -> None:
        """Let something befall a volume of a host that is on."""
        with self.book.change("break_volume", host=host, volume=volume, fault=fault) as (state, _):
            volumes.break_volume(self.book, state, host, volume, fault)

    def repair_volume(self, host: str, volume: str) -> None:
        """Undo what befell a volume; one that was destroyed comes back empty."""
        with self.book.change("repair_volume", host=host, volume=volume) as (state, _):
            volumes.repair_volume(self.book, state, host, volume)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.down()
