"""A node's disk in the simulation: what was written, what of it is durable, what has rotted."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_numbers = itertools.count()


class Picture(NamedTuple):
    """A camera's picture, numbered; one a second, so that its number is its time."""

    camera: str
    number: int

    @property
    def identity(self) -> bytes:
        return f"{self.camera}/{self.number}".encode()


@dataclass
class Stored:
    """One segment. Pictures from `durable` on are in the page cache alone."""

    camera: str
    pictures: list[Picture] = field(default_factory=list)
    durable: int = 0
    closed: bool = False
    promised: bool = False
    rotten: bool = False
    suspect: bool = False
    """Its rot is known: it counts for nothing any more."""
    name: str = field(default_factory=lambda: f"s{next(_numbers)}")

    @property
    def is_settled(self) -> bool:
        """Closed and durable: what may be asked about, and what can be read back."""
        return self.closed and self.durable == len(self.pictures) and not self.suspect


class Disk:
    """The segments of a node. `good` tells where a picture is whole, if anywhere."""

    def __init__(self) -> None:
        self.segments: dict[str, Stored] = {}
        self.good: dict[Picture, str] = {}

    def of(self, camera: str) -> list[Stored]:
        return [found for found in self.segments.values() if found.camera == camera]

    def open_segment(self, camera: str) -> Stored:
        for found in self.of(camera):
            if not found.closed:
                return found
        opened = Stored(camera)
        self.segments[opened.name] = opened
        return opened

    def append(self, picture: Picture) -> Stored:
        stored = self.open_segment(picture.camera)
        if picture not in self.good:
            stored.pictures.append(picture)
            self.good[picture] = stored.name
        return stored

    def add_fetched(self, camera: str, pictures: Iterable[Picture]) -> None:
        """What came from another node is a segment like any other, but for what is here already."""
        lacking = sorted(set(pictures) - self.good.keys())
        if not lacking:
            return
        stored = Stored(camera, lacking, closed=True)
        self.segments[stored.name] = stored
        self.good |= dict.fromkeys(lacking, stored.name)

    def sync(self) -> None:
        for stored in self.segments.values():
            stored.durable = len(stored.pictures)

    def remove(self, stored: Stored) -> list[Picture]:
        """Delete a segment; returns the pictures that were whole in it."""
        del self.segments[stored.name]
        return self._forget(stored, stored.pictures)

    def lose_power(self) -> list[Picture]:
        """What was not durable is gone; what was being written ends where it was durable."""
        lost: list[Picture] = []
        for stored in list(self.segments.values()):
            lost += self._forget(stored, stored.pictures[stored.durable :])
            del stored.pictures[stored.durable :]
            stored.closed = True
            if not stored.pictures:
                del self.segments[stored.name]
        return lost

    def rot(self, stored: Stored) -> list[Picture]:
        """A segment decays where nobody looks."""
        stored.rotten = True
        return self._forget(stored, stored.pictures)

    def destroy(self) -> list[Picture]:
        lost = list(self.good)
        self.segments.clear()
        self.good.clear()
        return lost

    def within(self, camera: str, first: int) -> Iterator[Picture]:
        return (p for p in self.good if p.camera == camera and p.number >= first)

    def _forget(self, stored: Stored, pictures: Iterable[Picture]) -> list[Picture]:
        gone = [picture for picture in pictures if self.good.get(picture) == stored.name]
        for picture in gone:
            del self.good[picture]
        return gone
