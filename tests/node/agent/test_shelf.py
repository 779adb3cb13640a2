"""What the store holds, read: a value that is no good costs nothing but itself."""

from tests.node.agent.material import camera, entry

from tandem.cluster import keys
from tandem.cluster.model import Camera
from tandem.node.agent.shelf import Shelf

GATE = keys.CAMERAS + "gate"


def shelf() -> Shelf[Camera]:
    return Shelf(keys.CAMERAS, Camera.decode)


def test_what_stands_there_is_read() -> None:
    cameras = shelf()
    assert cameras.take({GATE: entry(GATE, camera().encode(), 5)})
    assert cameras.values == {"gate": camera()}
    assert cameras.revisions == {"gate": 5}


def test_the_same_again_is_no_change() -> None:
    cameras = shelf()
    found = {GATE: entry(GATE, camera().encode(), 5)}
    cameras.take(found)
    assert not cameras.take(found)


def test_what_is_gone_is_forgotten() -> None:
    cameras = shelf()
    cameras.take({GATE: entry(GATE, camera().encode())})
    assert cameras.take({})
    assert (cameras.values, cameras.revisions) == ({}, {})


def test_a_value_that_cannot_be_read_leaves_the_last_good_one_and_is_told() -> None:
    cameras = shelf()
    cameras.take({GATE: entry(GATE, camera().encode(), 5)})
    assert cameras.take({GATE: entry(GATE, b"{", 6)})
    assert cameras.values == {"gate": camera()}
    assert cameras.revisions == {"gate": 6}
    assert "camera 'gate'" in cameras.problems[GATE]
    cameras.take({GATE: entry(GATE, camera(window_s=5).encode(), 7)})
    assert (cameras.problems, cameras.values["gate"].window_s) == ({}, 5)


def test_a_key_that_names_nothing_is_told_until_it_is_gone() -> None:
    cameras, odd = shelf(), keys.CAMERAS + "a/b"
    cameras.take({odd: entry(odd, camera().encode())})
    assert list(cameras.problems) == [odd]
    cameras.take({})
    assert cameras.problems == {}


def test_what_could_never_be_read_is_known_to_be_there() -> None:
    cameras = shelf()
    cameras.take({GATE: entry(GATE, b'{"version": 2}', 5)})
    assert cameras.unread == {"gate"}
    cameras.take({GATE: entry(GATE, camera().encode(), 6)})
    assert cameras.unread == frozenset()
