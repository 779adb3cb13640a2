"""The same wiring, each time with one mistake: what the rules of two-copies.md keep from happening.

A mistake that no seed finds would mean that the simulation does not look, or that a rule is not
needed; `test_two_copies.py` sees that each is found.
"""

from collections.abc import Mapping
from dataclasses import replace

from tests.simulation.two_copies.disk import Stored
from tests.simulation.two_copies.node import Node

from tandem.cluster import promise, second_copy
from tandem.cluster.model import Placement
from tandem.cluster.promise import Answer, Question


class StoresConfirmations(Node):
    """Breaks D5: asks as soon as a segment is closed, and keeps the answer for later."""

    def _begin(self) -> None:
        super()._begin()
        self.confirmed: set[str] = set()

    def consider(self, stored: Stored) -> None:
        now = self.situation(stored.camera)
        if stored.name not in self.confirmed:
            self.ask(stored, replace(now, window_us=0))
        elif second_copy.why_keep(self.second, self.copy_of(stored), now) is None:
            self.drop(stored.name)

    def on_answer(self, segment: str, answer: Answer) -> None:
        if answer.promised:
            self.confirmed.add(segment)


class PromisesFromThePageCache(Node):
    """Breaks D3: promises what a power cut would take."""

    def read_back(self, question: Question) -> promise.Event:
        return self.found(question, self.disk.good)


class PromisesBeforeTheCommit(Node):
    """Breaks D4: answers at once; the mark is written a little later, if the process lives."""

    def commit(self, effect: promise.Commit) -> promise.Event:
        self.later(5, lambda: self.mark(effect))
        return promise.Committed(effect.nonce)

    def mark(self, effect: promise.Commit) -> None:
        super().commit(effect)


class PromisesBySuspicion(Node):
    """Breaks D2: the first in the list that is not suspected promises."""

    def placements(self) -> Mapping[str, Placement]:
        return {camera: self.believed(placement) for camera, placement in self.view.items()}

    def asked_node(self, placement: Placement) -> str:
        return self.believed(placement).primary

    def believed(self, placement: Placement) -> Placement:
        living = [name for name in placement.nodes if name not in self.suspected]
        return replace(placement, nodes=tuple(living))


class PromisesUnverified(Node):
    """Breaks D3: takes the word of its index for what is on the disk."""

    def read_back(self, question: Question) -> promise.Event:
        held = {
            picture: stored.name
            for stored in self.disk.of(question.camera_id)
            if stored.is_settled
            for picture in stored.pictures
        }
        return self.found(question, held)


class PromisesWhatItLacks(Node):
    """Breaks D6: promises whatever there is of it."""

    def read_back(self, question: Question) -> promise.Event:
        event = super().read_back(question)
        return replace(event, missing=()) if isinstance(event, promise.ReadBack) else event


class AcceptsEarlierAnswers(Node):
    """Breaks D5: takes any promise for the segment, whenever it was asked for."""

    def on_answer(self, segment: str, answer: Answer) -> None:
        stored = self.disk.segments.get(segment)
        if stored is None or not answer.promised:
            super().on_answer(segment, answer)
            return
        now = self.situation(stored.camera)
        fresh = second_copy.Second(self.name)
        fresh, _ = second_copy.ask(fresh, self.copy_of(stored), (), now, answer.nonce)
        _, verdict = second_copy.answered(fresh, self.copy_of(stored), answer, now)
        if isinstance(verdict, second_copy.Drop):
            self.drop(segment)


class DropsWhatItPromised(Node):
    """Breaks D4: after a swap, a former primary drops like any second."""

    def copy_of(self, stored: Stored) -> second_copy.Copy:
        return replace(super().copy_of(stored), has_promised=False)

    def drop(self, segment: str) -> None:
        if stored := self.disk.segments.get(segment):
            self.delete(stored)


class DropsInTheWindow(Node):
    """Breaks D1: asks at once, and drops with the promise."""

    def situation(self, camera: str) -> second_copy.Situation:
        return replace(super().situation(camera), window_us=0)


BUGS: dict[type[Node], str] = {
    StoresConfirmations: "G2",
    PromisesFromThePageCache: "G2",
    PromisesBeforeTheCommit: "D4",
    PromisesBySuspicion: "D2",
    PromisesUnverified: "G2",
    PromisesWhatItLacks: "G2",
    AcceptsEarlierAnswers: "G2",
    DropsWhatItPromised: "D4",
    DropsInTheWindow: "G2",
}
"""Each mistake, and what it must be seen to break."""
