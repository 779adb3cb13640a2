"""Whatever an administrator or the planner changes costs no picture where two nodes record.

The nodes of `played` learn of each change a little sooner or later, as the store's watches bring
it. At each second somebody has to record.
"""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.node.agent.material import camera
from tests.node.agent.played import NODES, SECOND_US, World

from tandem.cluster.model import Camera, Placement, Protection, Stream

LATEST_S = 2
"""So much later than another one may a node learn of a change."""

HAPPENS = ["url", "swap", "protect", "mute", "answer"]
happens = st.lists(st.tuples(st.sampled_from(HAPPENS), st.integers(0, 40)), max_size=8)
copied = st.sampled_from([Protection.HOT, Protection.MIRROR])


class Changed(World):
    """A world whose camera and placement change, seen by each node in its time."""

    def __init__(self, one: Camera, seed: int) -> None:
        super().__init__(one, 9, seed)
        self.camera, self.placement = one, Placement("gate", NODES, 1)
        self.seen = dict.fromkeys(NODES, (self.camera, self.placement))
        self.coming: list[tuple[int, str, Camera | Placement]] = []
        self.seconds = 0

    def view(self, name: str) -> tuple[Mapping[str, Camera], Mapping[str, Placement]]:
        one, placement = self.seen[name]
        return {"gate": one}, {"gate": placement}

    def step(self) -> dict[str, str]:
        self.seconds += 1
        rest = []
        for due_s, name, new in self.coming:
            if due_s > self.seconds:
                rest.append((due_s, name, new))
                continue
            one, placement = self.seen[name]
            self.seen[name] = (one, new) if isinstance(new, Placement) else (new, placement)
        self.coming = rest
        return super().step()

    @property
    def recording(self) -> list[str]:
        """Who got a picture in this second."""
        until_us = {name: it.recorder.said.get("recorded_until_us") for name, it in
                    self.nodes.items() if it.recorder.order}  # fmt: skip
        return [name for name, at_us in until_us.items() if at_us == self.now_us]

    def change(self, what: str) -> None:
        match what:
            case "url":
                stream = Stream("main", self.camera.streams[0].url + "x")
                self._publish(replace(self.camera, streams=(stream,)))
            case "protect":
                was = self.camera.protection
                level = Protection.MIRROR if was is Protection.HOT else Protection.HOT
                self._publish(replace(self.camera, protection=level))
            case "swap":
                nodes = list(NODES)
                self.random.shuffle(nodes)
                generation = self.placement.generation + 1
                self._publish(Placement("gate", tuple(nodes), generation))
            case "mute":
                self.dumb = {self.random.choice(NODES)}
            case "answer":
                self.dumb = set()

    def _publish(self, new: Camera | Placement) -> None:
        if isinstance(new, Placement):
            self.placement = new
        else:
            self.camera = new
        for name in NODES:  # what is told later of the same key is not seen sooner
            before = [
                due_s for due_s, to, it in self.coming if to == name and type(it) is type(new)
            ]
            due_s = max([self.seconds + self.random.randint(0, LATEST_S), *before])
            self.coming.append((due_s, name, new))


@pytest.mark.parametrize("then", ["url", "swap"])
@pytest.mark.parametrize("after_s", range(12))
def test_a_change_that_follows_another_finds_no_moment_at_which_nobody_records(
    after_s: int, then: str
) -> None:
    for seed in range(4):
        one = Changed(camera(), seed)
        one.run(20)
        for what, seconds in (("url", after_s), (then, 60)):
            one.change(what)
            for _ in range(seconds):
                one.step()
                assert one.recording, (seed, one.now_us // SECOND_US)


@settings(max_examples=60, deadline=None)
@given(copied, happens, st.integers(0, 9999))
def test_a_camera_that_two_record_is_recorded_at_every_moment_whatever_is_changed(
    protection: Protection, changes: list[tuple[str, int]], seed: int
) -> None:
    one = Changed(camera(protection=protection), seed)
    one.run(20)
    for what, seconds in [*changes, ("answer", 150)]:
        one.change(what)
        for _ in range(seconds):
            one.step()
            assert one.recording, (what, one.now_us // SECOND_US)
    assert sorted(one.recording) == sorted(one.placement.nodes[:2])
