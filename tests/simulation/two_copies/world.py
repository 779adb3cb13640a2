"""A cluster of the simulation: cameras, a store, an administrator, and what goes wrong.

A run is a series of episodes. In each, roles are swapped, nodes suspect each other without cause,
messages are lost, doubled or late, cameras now and then miss a recorder; and there is one fault.
Then all of that ends, until two copies of every window exist again: only then comes the next fault.
"""

from collections.abc import Callable
from functools import partial
from random import Random

from tests.simulation.two_copies.disk import Picture
from tests.simulation.two_copies.events import SECOND, Network, Queue, Weather
from tests.simulation.two_copies.node import Node
from tests.simulation.two_copies.oracle import Oracle, ViolationError

from tandem.cluster.model import Camera, Placement, Protection, Stream

WINDOW_S = 20
MAIN = Stream("main", "rtsp://10.0.0.8/main")
EPISODES = 3
CALM = Weather()
HEALED_WITHIN_S = 60
"""Two copies of the window must exist by then: placements learned, gaps asked for, synced."""
SECONDS_GONE_WITHIN_S = 120
"""Second copies must be gone by then: a window, a question that nobody answers, one that is."""
SYNCED_S = 6

NodeKind = Callable[["World", str], Node]


class World:
    """One run, decided by its seed.

    Args:
        seed: what happens.
        kind: how the product is wired; `bugs.py` has mistaken ones.
    """

    def __init__(self, seed: int, kind: NodeKind = Node) -> None:
        self.random = Random(seed)
        self.queue = Queue()
        self.network = Network(self.queue, self.random)
        names = ["a", "b", "c", "d"][: self.random.randint(2, 4)]
        levels = self.random.choice([[Protection.HOT], [Protection.HOT, Protection.MIRROR]])
        self.cameras = {
            f"c{n}": Camera(f"c{n}", "", (MAIN,), level, 4, WINDOW_S)
            for n, level in enumerate(levels)
        }
        windows = {camera.camera_id: camera.window_us for camera in self.cameras.values()}
        self.oracle = Oracle(self.queue, self.holders, windows)
        self.committed: dict[str, Placement] = {}
        self.has_quorum = True
        self.noisy = False
        self.die_on_promise = False
        self.nodes = {name: kind(self, name) for name in names}
        for camera in self.cameras:
            self.place(camera, self.random.sample(names, len(names)))
        self.queue.after(0, self.second_passes)

    def run(self) -> None:
        """All of it.

        Raises:
            ViolationError: a guarantee was broken.
        """
        for _ in range(EPISODES):
            self.disturb()
            self.calm_down()
        self.queue.run_until(self.queue.now_us + SECONDS_GONE_WITHIN_S * SECOND)
        self.check_second_copies_are_gone()
        self.oracle.audit()

    def holders(self, picture: Picture) -> list[str]:
        return [name for name, node in self.nodes.items() if picture in node.disk.good]

    # --- What always goes on -------------------------------------------------------------------

    def second_passes(self) -> None:
        """Every camera delivers a picture to whoever records it."""
        number = self.queue.now_us // SECOND
        for camera in self.cameras:
            for node in self.nodes.values():
                missed = self.noisy and self.random.random() < 0.02
                if camera in node.records() and not missed:
                    picture = Picture(camera, number)
                    self.oracle.delivers(picture, node.name)
                    node.record(picture)
        self.queue.after(SECOND, self.second_passes)

    def place(self, camera: str, nodes: list[str]) -> None:
        """Commit a placement; each node learns of it in its own time."""
        before = self.committed.get(camera)
        placement = Placement(camera, tuple(nodes), before.generation + 1 if before else 1)
        self.committed[camera] = placement
        self.oracle.primaries[camera, placement.generation] = placement.primary
        for node in self.nodes.values():
            delay_s = self.random.uniform(0, 8) if before else 0
            self.queue.after(delay_s * SECOND, partial(node.learn, placement))

    # --- An episode ----------------------------------------------------------------------------

    def disturb(self) -> None:
        self.noisy = True
        chance = self.random.choice
        self.network.weather = Weather(chance([0, 0.1]), chance([0, 0.1]), chance([0, 0.1, 0.4]))
        until_us = self.queue.now_us + self.random.randint(30, 100) * SECOND
        self.queue.after(self.random.uniform(10, 60) * SECOND, partial(self.fault, until_us))
        noises: list[Callable[[], None]] = [self.swap_roles, self.suspect_wrongly, lambda: None]
        while self.queue.now_us < until_us:
            self.random.choice(noises)()
            self.queue.run_until(self.queue.now_us + self.random.randint(1, 12) * SECOND)

    def swap_roles(self) -> None:
        if self.has_quorum:
            camera = self.random.choice(list(self.cameras))
            self.place(camera, self.random.sample(list(self.nodes), len(self.nodes)))

    def suspect_wrongly(self) -> None:
        node, other = self.random.sample(list(self.nodes), 2)
        suspected = self.nodes[node].suspected
        suspected.add(other)
        self.queue.after(self.random.uniform(1, 20) * SECOND, lambda: suspected.discard(other))

    def fault(self, until_us: int) -> None:
        """One; none at all if its time comes after the episode."""
        if self.queue.now_us >= until_us:
            return
        node = self.nodes[self.random.choice(list(self.nodes))]
        faults: list[Callable[[], None]] = [
            lambda: self.crash(node),
            lambda: self.stall(node),
            lambda: self.destroy(node),
            lambda: self.rot(node),
            lambda: self.isolate(node),
            self.lose_quorum,
            self.wait_for_a_promise,
            self.wait_for_a_promise,
        ]
        self.random.choice(faults)()

    def crash(self, node: Node) -> None:
        self.oracle.crashed(node.name, node.crash())
        self.notice(node)

    def stall(self, node: Node) -> None:
        """A disk that writes nothing for a while, and then the power fails."""
        node.stalled = True
        self.queue.after(self.random.uniform(5, 50) * SECOND, lambda: self.crash_if(node))

    def crash_if(self, node: Node) -> None:
        if node.stalled:
            self.crash(node)

    def destroy(self, node: Node) -> None:
        node.has_disk = False
        self.oracle.destroyed(node.name, node.disk.destroy())
        # A new disk comes before the faults are over: late messages find it empty.
        self.queue.after(self.random.uniform(1, 90) * SECOND, lambda: self.give_disk(node))
        self.notice(node)

    def give_disk(self, node: Node) -> None:
        if not node.has_disk:
            node.has_disk = True
            node.look_for_gaps()

    def rot(self, node: Node) -> None:
        settled = [s for s in node.disk.segments.values() if s.is_settled and not s.rotten]
        if settled:
            self.oracle.destroyed(node.name, node.disk.rot(self.random.choice(settled)))

    def isolate(self, node: Node) -> None:
        """Nobody hears it, and it hears nobody: each side suspects the other, and both record."""
        self.network.isolated.add(node.name)
        for other in self.nodes.values():
            if other is not node:
                other.suspected.add(node.name)
                node.suspected.add(other.name)

    def lose_quorum(self) -> None:
        self.has_quorum = False

    def wait_for_a_promise(self) -> None:
        self.die_on_promise = True

    def has_promised(self, node: Node) -> None:
        if self.die_on_promise:
            self.die_on_promise = False
            self.destroy(node)

    def notice(self, failed: Node) -> None:
        """The others suspect a failed node soon; perhaps a planner names others."""
        for node in self.nodes.values():
            if node is not failed:
                delay_s = self.random.uniform(0.4, 2)
                self.queue.after(delay_s * SECOND, partial(self.suspect, node, failed))
        if self.has_quorum and self.random.random() < 0.6:
            for camera, placement in self.committed.items():
                left = [name for name in placement.nodes if name != failed.name]
                self.place(camera, [*left, failed.name])

    def suspect(self, node: Node, failed: Node) -> None:
        if not failed.up or not failed.has_disk:
            node.suspected.add(failed.name)

    # --- The end of an episode -----------------------------------------------------------------

    def calm_down(self) -> None:
        """All faults end, and everything is repaired."""
        self.noisy = self.die_on_promise = False
        self.has_quorum = True
        self.network.weather = CALM
        self.network.isolated.clear()
        for node in self.nodes.values():
            node.stalled = False
            node.suspected.clear()
            for stored in node.disk.segments.values():
                stored.suspect |= stored.rotten
            if not node.up:
                node.restart()
            self.give_disk(node)
            node.look_for_gaps()
        for _ in range(HEALED_WITHIN_S):
            self.queue.run_until(self.queue.now_us + SECOND)
            if self.has_two_copies():
                break
        else:
            raise ViolationError("healing", f"{HEALED_WITHIN_S} s after the last fault")
        self.oracle.audit()

    def has_two_copies(self) -> bool:
        """Whether primary and second both hold durably what anybody got within the window."""
        if not all(self.is_in_force(placement) for placement in self.committed.values()):
            return False
        newest = self.queue.now_us // SECOND - SYNCED_S
        for picture in self.oracle.owed:
            window_us = self.cameras[picture.camera].window_us
            oldest = 0 if window_us is None else newest + SYNCED_S - window_us // SECOND
            if not oldest <= picture.number <= newest:
                continue
            for name in self.committed[picture.camera].nodes[:2]:
                if picture not in self.nodes[name].disk.good:
                    return False
        return True

    def is_in_force(self, placement: Placement) -> bool:
        return all(n.view.get(placement.camera_id) == placement for n in self.nodes.values())

    def check_second_copies_are_gone(self) -> None:
        """A second keeps what is in the window and what it promised as a primary; nothing else."""
        newest = self.queue.now_us // SECOND - WINDOW_S - SECONDS_GONE_WITHIN_S // 2
        for name, node in self.nodes.items():
            for picture in node.disk.good:
                camera = self.cameras[picture.camera]
                if camera.window_us is None or self.committed[picture.camera].primary == name:
                    continue
                promised = self.promised_with(node, picture)
                if picture.number < newest and not promised:
                    raise ViolationError("liveness", f"{name} still keeps {picture}")

    def promised_with(self, node: Node, picture: Picture) -> bool:
        """A promise is for whole segments; it may keep a few pictures that nobody asked for."""
        stored = node.disk.segments[node.disk.good[picture]]
        return bool(self.oracle.promised_by[node.name] & set(stored.pictures)) or stored.promised
