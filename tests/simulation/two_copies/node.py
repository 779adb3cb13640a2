"""A node of the simulation: the product's decisions, wired to simulated disks and messages.

What a shell would do is done here as simply as can be. `bugs.py` has the same wiring with mistakes.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import Protocol

from tests.simulation.two_copies.disk import Disk, Picture, Stored
from tests.simulation.two_copies.events import SECOND, Network, Queue
from tests.simulation.two_copies.oracle import Oracle

from tandem.cluster import promise, second_copy
from tandem.cluster.duties import Beliefs, duties
from tandem.cluster.model import Camera, Placement
from tandem.cluster.promise import Answer, Question

SYNC_S = 2
REVIEW_S = 3
MOST_IN_SEGMENT = 6


class World(Protocol):
    """What a node can reach."""

    queue: Queue
    network: Network
    random: Random
    oracle: Oracle
    cameras: Mapping[str, Camera]
    nodes: "Mapping[str, Node]"

    def has_promised(self, node: "Node") -> None:
        """A promise is on its way: the moment at which a disk dies most inconveniently."""


class Node:
    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.disk = Disk()
        self.up = True
        self.has_disk = True
        self.stalled = False
        self.view: dict[str, Placement] = {}
        self.suspected: set[str] = set()
        self.unhealed: dict[str, set[str]] = {}
        """By camera: who has not yet told this node what it lacks."""
        self.asked: dict[str, Question] = {}
        """Who waits at the other end of a request; a process's memory."""
        self.gap_search = 0
        """An offer to an earlier search may know nothing of what is lacking now."""
        self._lives = 0
        self._begin()

    def _begin(self) -> None:
        self._lives += 1
        self.second = second_copy.Second(self.name)
        self.primary = promise.Primary(self.name)
        self.every(SYNC_S, self.sync)
        self.every(REVIEW_S, self.review)

    # --- Life ----------------------------------------------------------------------------------

    def later(self, delay_s: float, what: Callable[[], None]) -> None:
        """What is under way ends with the process."""
        life = self._lives
        self.world.queue.after(
            delay_s * SECOND, lambda: what() if self.up and self._lives == life else None
        )

    def every(self, period_s: float, what: Callable[[], None]) -> None:
        def again() -> None:
            what()
            self.later(period_s, again)

        self.later(self.world.random.uniform(0, period_s), again)

    def send(self, receiver: str, deliver: "Callable[[Node], None]") -> None:
        node = self.world.nodes[receiver]
        self.world.network.send(
            self.name, receiver, lambda: deliver(node) if node.up and node.has_disk else None
        )

    def crash(self) -> list[Picture]:
        self.up = False
        return self.disk.lose_power()

    def restart(self) -> None:
        self.up = True
        self._begin()
        self.look_for_gaps()

    def learn(self, placement: Placement) -> None:
        """Commits arrive in their order; an older one after a newer one is passed over."""
        known = self.view.get(placement.camera_id)
        if known is None or known.generation < placement.generation:
            self.view[placement.camera_id] = placement
            if self.name in placement.nodes[:2]:
                self.look_for_gaps(placement.camera_id)

    # --- Recording -----------------------------------------------------------------------------

    def records(self) -> list[str]:
        if not self.up or not self.has_disk:
            return []
        beliefs = Beliefs(self.suspected)
        found = duties(self.name, self.world.cameras.values(), self.view, beliefs)
        return [duty.camera.camera_id for duty in found]

    def record(self, picture: Picture) -> None:
        stored = self.disk.append(picture)
        longest = self.world.random.randint(3, MOST_IN_SEGMENT)
        stored.closed = len(stored.pictures) >= longest

    def sync(self) -> None:
        if not self.stalled:
            self.disk.sync()

    # --- The second: may this copy be dropped? -------------------------------------------------

    def situation(self, camera: str) -> second_copy.Situation:
        now_us = self.world.queue.now_us
        window_us = self.world.cameras[camera].window_us
        return second_copy.Situation(self.view.get(camera), window_us, now_us, now_us)

    def copy_of(self, stored: Stored) -> second_copy.Copy:
        return second_copy.Copy(
            segment_id=stored.name,
            camera_id=stored.camera,
            stream="main",
            from_us=stored.pictures[0].number * SECOND,
            to_us=(stored.pictures[-1].number + 1) * SECOND,
            has_promised=stored.promised,
        )

    def review(self) -> None:
        if not self.has_disk:
            return
        for camera in self.unhealed:
            self.heal(camera)
        recording = self.records()
        for stored in list(self.disk.segments.values()):
            stored.closed |= stored.camera not in recording
            if stored.is_settled and not stored.rotten:
                self.consider(stored)

    def consider(self, stored: Stored) -> None:
        self.ask(stored, self.situation(stored.camera))

    def ask(self, stored: Stored, now: second_copy.Situation) -> None:
        identities = tuple(picture.identity for picture in stored.pictures)
        nonce = f"{self.name}-{self.world.random.getrandbits(64):x}"
        self.second, asked = second_copy.ask(
            self.second, self.copy_of(stored), identities, now, nonce
        )
        if isinstance(asked, Question) and now.placement:
            receiver = self.asked_node(now.placement)
            self.world.oracle.asks(self.name, receiver, stored.pictures)
            self.send(receiver, lambda node: node.feed(promise.Asked(asked)))

    def asked_node(self, placement: Placement) -> str:
        return placement.primary

    def on_answer(self, segment: str, answer: Answer) -> None:
        if stored := self.disk.segments.get(segment):
            self.second, verdict = second_copy.answered(
                self.second, self.copy_of(stored), answer, self.situation(stored.camera)
            )
            if isinstance(verdict, second_copy.Drop):
                # The transaction comes a little later than the verdict.
                self.later(self.world.random.uniform(0, 0.5), lambda: self.drop(segment))

    def drop(self, segment: str) -> None:
        stored = self.disk.segments.get(segment)
        if stored and not stored.promised:
            self.delete(stored)

    def delete(self, stored: Stored) -> None:
        pictures = list(stored.pictures)
        self.world.oracle.dropped(self.name, pictures, self.disk.remove(stored))

    # --- The primary: may this node promise? ---------------------------------------------------

    def feed(self, event: promise.Event) -> None:
        if isinstance(event, promise.Asked):
            self.asked[event.question.nonce] = event.question
        self.primary, effects = promise.step(
            self.primary, event, self.placements(), self.world.queue.now_us
        )
        for effect in effects:
            self.carry_out(effect)

    def placements(self) -> Mapping[str, Placement]:
        return self.view

    def carry_out(self, effect: promise.Effect) -> None:
        match effect:
            case promise.Read(question=question):
                delay_s = self.world.random.uniform(0.2, 3)
                self.later(delay_s, lambda: self.feed(self.read_back(question)))
            case promise.Commit():
                delay_s = self.world.random.uniform(0.01, 0.5)
                self.later(delay_s, lambda: self.feed(self.commit(effect)))
            case promise.Fetch(question=question, missing=missing):
                wanted = [picture_of(question, place) for place in missing]
                self.fetch(question.asker, question.camera_id, wanted)
            case promise.Reply(to=asker, answer=answer):
                question = self.asked[answer.nonce]
                if answer.promised:
                    pictures = [picture_of(question, n) for n in range(len(question.identities))]
                    self.world.oracle.promises(self.name, question.generation, pictures)
                self.send(asker, lambda node: node.on_answer(question.segment_id, answer))
                if answer.promised:
                    self.world.has_promised(self)

    def read_back(self, question: Question) -> promise.Event:
        """Past the page cache, with the hash: what has rotted is seen here, and at last known."""
        for stored in self.disk.of(question.camera_id):
            stored.suspect |= stored.rotten
        found = {
            picture: stored.name
            for stored in self.disk.of(question.camera_id)
            if stored.is_settled
            for picture in stored.pictures
        }
        return self.found(question, found)

    def found(self, question: Question, held: Mapping[Picture, str]) -> promise.Event:
        asked = [picture_of(question, place) for place in range(len(question.identities))]
        missing = tuple(place for place, picture in enumerate(asked) if picture not in held)
        carrying = {held[picture] for picture in asked if picture in held}
        return promise.ReadBack(question.nonce, tuple(sorted(carrying)), missing)

    def commit(self, effect: promise.Commit) -> promise.Event:
        carrying = [self.disk.segments.get(name) for name in effect.segments]
        if not all(stored and not stored.suspect for stored in carrying):
            return promise.Failed(effect.nonce, "A segment is gone.")
        for stored in filter(None, carrying):
            stored.promised = True
        return promise.Committed(effect.nonce)

    # --- Healing -------------------------------------------------------------------------------

    def look_for_gaps(self, camera: str | None = None) -> None:
        """What this node should hold of the window, and may not: ask the others."""
        self.gap_search += 1
        for name in [camera] if camera else list(self.view):
            self.unhealed[name] = set(self.world.nodes) - {self.name}

    def heal(self, camera: str) -> None:
        window_us = self.world.cameras[camera].window_us
        first = 0 if window_us is None else (self.world.queue.now_us - window_us) // SECOND
        placement = self.view.get(camera)
        if placement is None or self.name not in placement.nodes[:2]:
            self.unhealed[camera] = set()
        search = self.gap_search
        for other in sorted(self.unhealed[camera]):
            self.send(other, lambda node: node.offer(self.name, camera, first, search))

    def offer(self, to: str, camera: str, first: int, search: int) -> None:
        """Send what is whole here; the receiver keeps what it lacks."""
        pictures = list(self.disk.within(camera, first))
        me = self.name

        def take(node: Node) -> None:
            node.disk.add_fetched(camera, pictures)
            if search == node.gap_search:
                node.unhealed[camera].discard(me)

        self.send(to, take)

    def fetch(self, holder: str, camera: str, wanted: list[Picture]) -> None:
        me = self.name
        self.send(holder, lambda node: node.give(me, camera, wanted))

    def give(self, to: str, camera: str, wanted: list[Picture]) -> None:
        pictures = [picture for picture in wanted if picture in self.disk.good]
        self.send(to, lambda node: node.disk.add_fetched(camera, pictures))


def picture_of(question: Question, place: int) -> Picture:
    camera, _, number = question.identities[place].decode().partition("/")
    return Picture(camera, int(number))
