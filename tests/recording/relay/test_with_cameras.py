"""Two recorders of a camera that allows one session: both have every picture, in the same time."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import pytest
from tests.lab.camera.running import CameraThread, with_defaults
from tests.recording.relay.certificates import Certificates
from tests.recording.running import RecorderProcess, complaints

from tandem.archive.index_reader import IndexReader
from tandem.archive.layout import INDEX_FILE
from tandem.archive.rows import Gap, GapCause
from tandem.lab.counting.compare import Comparison, Span, compare
from tandem.lab.counting.count import count_frames
from tandem.lab.counting.marks import find_mark
from tandem.media.mp4.init import parse_init

pytestmark = pytest.mark.real

SLOW = {"fps": 25, "length_s": 2, "gop_s": 1.0}
OTHER_SIZE = {
    "width_px": 192,
    "height_px": 128,
    "fps": 100,
    "bit_rate_kbps": 400,
    "gop_s": 0.1,
    "length_s": 0.5,
}


class Bench:
    """A camera of one session, the recorder that has it, and the one that it passes it on to."""

    def __init__(
        self,
        stack: ExitStack,
        place: Path,
        cache: Path,
        *,
        is_stranger: bool = False,
        **settings: Any,
    ) -> None:
        complete = with_defaults([{"session_limit": 1, **settings}])
        self.cameras = stack.enter_context(CameraThread(place / "cameras", cache, complete))
        certificates, theirs = Certificates(place), Certificates(place, "theirs")
        self._direct: dict[str, Any] = {"camera_id": "c1", "url": self.cameras.address()}
        self._direct["audio"] = settings.get("profile", {}).get("audio", False)
        if "auth" in settings:
            self._direct |= {"username": settings["user"], "password": settings["password"]}

        def recorder(node: str, issuer: Certificates = certificates) -> RecorderProcess:
            relaying = {
                "addresses": ["127.0.0.1"],
                "port": 0,
                "authority": str(certificates.authority),
                "node": str(issuer.node(node)),
                "peers": ["node2"],
            }
            made = RecorderProcess(place / node, [], relaying=relaying)
            return stack.enter_context(made)

        self.holder = recorder("node1")
        self.receiver = recorder("node2", theirs if is_stranger else certificates)
        self.holder.order([self.direct(relays=True)])
        self.holder.wait_for(lambda: self._port_of(self.holder) is not None, "an offer")

    def direct(self, **more: Any) -> dict[str, Any]:
        """The order to have the camera's session."""
        return self._direct | more

    def relayed(self, holder: RecorderProcess | None = None) -> dict[str, Any]:
        """The order to have it from the holder."""
        node = "node2" if holder is self.receiver else "node1"
        port = self._port_of(holder or self.holder)
        relay = {"node_id": node, "addresses": ["127.0.0.1"], "port": port}
        return self._direct | {"relay": relay, "role": "second"}

    def receive(self) -> None:
        """Have the other recorder receive, until it has pictures."""
        self.receiver.order([self.relayed()])
        self.receiver.wait_for_pictures("c1", 50)

    def compare(self) -> tuple[Comparison, Comparison]:
        """The files of holder and receiver against what the camera sent while both recorded."""
        until_us = min(
            one.stream("c1")["recorded_until_us"] for one in (self.holder, self.receiver)
        )
        assert [self.receiver.stop(), self.holder.stop()] == [0, 0], self.receiver.log
        self.cameras.stop()
        ledger = self.cameras.ledger(1)
        span = Span(from_us=min(self.times(self.receiver).values()), until_us=until_us)
        first, second = (
            compare(count_frames(one.files("c1")), ledger, span)
            for one in (self.holder, self.receiver)
        )
        return first, second

    def times(self, recorder: RecorderProcess) -> dict[int, int]:
        """When each picture was taken, UTC in microseconds, by its number."""
        found: dict[int, int] = {}
        for path in recorder.files("c1"):
            with av.open(str(path)) as container:
                codec = container.streams.video[0].codec.name
                for packet in container.demux(video=0):
                    mark = find_mark(bytes(packet), codec) if packet.size else None
                    if mark is not None and packet.pts is not None:
                        found[mark.number] = packet.pts * 100 // 9
        return found

    def _port_of(self, recorder: RecorderProcess) -> int | None:
        port: int | None = recorder.stream("c1").get("relay_port")
        return port

    def gaps(self, recorder: RecorderProcess) -> list[Gap]:
        """What a recorder noted."""
        index = IndexReader.open_for_reading(recorder.root / INDEX_FILE)
        found = index.gaps("c1", 0, 1 << 62)
        index.close()
        return found


Begin = Callable[..., Bench]


@pytest.fixture
def begin(cache: Path, tmp_path: Path) -> Iterator[Begin]:
    """Starts a camera with some settings, and both recorders."""
    with ExitStack() as stack:
        yield lambda **settings: Bench(stack, tmp_path, cache, **settings)


KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "B-frames": {"profile": SLOW | {"b_frames": 2}},
    "H.265": {"profile": SLOW | {"codec": "h265"}},
    "sound": {"profile": SLOW | {"audio": True}},
    "long GOP": {"profile": {"gop_s": 3.0, "length_s": 6, "fps": 25}},
}


@pytest.mark.parametrize("kind", KINDS)
def test_both_have_every_picture_though_the_camera_allows_one_session(
    begin: Begin, kind: str
) -> None:
    bench = begin(**KINDS[kind])
    bench.receive()
    bench.receiver.wait_for_pictures("c1", 100)
    first, second = bench.compare()
    assert (first.exact, second.exact) == (True, True), (first, second)
    assert second.found == first.found > 50
    assert len(bench.cameras.ledger().sessions) == 1
    for path in bench.receiver.files("c1"):
        assert complaints(path) == ""
        has_sound = parse_init(path.read_bytes()).audio is not None
        assert has_sound == (kind == "sound")


def test_the_cameras_clock_is_known_to_both(begin: Begin) -> None:
    bench = begin()
    bench.receive()
    for one in (bench.holder, bench.receiver):
        one.wait_for(lambda: one.stream("c1")["camera_offset_us"] is not None, "a report")  # noqa: B023


def test_parameter_sets_that_change_begin_a_file_at_both(begin: Begin) -> None:
    bench = begin(profile={}, alternate=OTHER_SIZE)
    bench.receive()
    bench.cameras.fault("parameter-change")
    bench.receiver.wait_for_pictures("c1", 250)
    first, second = bench.compare()
    assert (first.exact, second.exact) == (True, True), (first, second)
    files = bench.receiver.files("c1")
    assert {complaints(path) for path in files} == {""}
    assert len({parse_init(path.read_bytes()).video for path in files}) == 2


def test_when_the_holder_dies_the_other_has_the_camera_and_tells_whose_gap_it_is(
    begin: Begin,
) -> None:
    bench = begin(session_limit=0)  # what the dead one leaves open counts for a while
    bench.receive()
    bench.holder.kill()
    bench.receiver.order([bench.direct(relays=True, role="second")])
    bench.receiver.wait_for_pictures("c1", 200)
    status = bench.receiver.stream("c1")
    assert (status["relayed_from"], status["connected"]) == (None, True)
    assert status["relay_port"] is not None
    assert bench.receiver.stop() == 0
    (gap,) = bench.gaps(bench.receiver)
    assert gap.cause is GapCause.NODE_DOWN
    assert "node1" in gap.detail


@pytest.mark.parametrize("login", [{}, {"auth": "digest", "user": "me", "password": "geheim"}])
def test_what_a_dead_holder_left_open_is_ended_by_the_next_that_the_camera_refuses(
    begin: Begin, login: dict[str, str]
) -> None:
    bench = begin(session_limit=1, session_timeout_s=3600, **login)
    bench.receive()
    bench.holder.kill()
    bench.receiver.order([bench.direct(relays=True, role="second")])
    bench.receiver.wait_for_pictures("c1", 200)
    assert bench.receiver.stream("c1")["relayed_from"] is None
    assert bench.receiver.stop() == 0


def test_a_holder_that_lives_keeps_its_session_where_the_camera_allows_another(
    begin: Begin,
) -> None:
    bench = begin(session_limit=2)
    bench.receive()
    bench.receiver.order([bench.direct(relays=True, role="second")])
    bench.receiver.wait_for_pictures("c1", 200)
    assert bench.holder.stream("c1")["connections"] == 1
    assert bench.holder.stream("c1")["connected"]


def test_when_the_camera_breaks_off_the_other_has_its_first_picture_again(begin: Begin) -> None:
    """What is kept since the keyframe gives the other one ten seconds to ask again."""
    long_gop = {"gop_s": 10.0, "length_s": 20, "fps": 25}
    bench = begin(session_limit=0, start="cached-gop", profile=long_gop)
    bench.receive()
    bench.cameras.fault("reset", duration_s=0)
    for one in (bench.holder, bench.receiver):
        one.wait_for(lambda: one.stream("c1")["connections"] >= 2, "it again")  # noqa: B023
    bench.receiver.wait_for_pictures("c1", 200)
    first, second = bench.compare()
    assert (first.lost, second.lost) == ((), ()), (first, second)


def test_who_has_the_camera_may_go_over_to_receiving_it_and_back(begin: Begin) -> None:
    bench = begin(session_limit=2)
    bench.receiver.order([bench.direct(relays=True)])
    bench.receiver.wait_for_pictures("c1", 100)
    bench.receiver.order([bench.relayed()])
    bench.receiver.wait_for(lambda: bench.receiver.stream("c1")["connections"] == 2, "a reception")
    bench.receiver.wait_for_pictures("c1", 100)
    bench.receiver.order([bench.direct(relays=True)])
    bench.receiver.wait_for(lambda: bench.receiver.stream("c1")["connections"] == 3, "the camera")
    bench.receiver.wait_for_pictures("c1", 100)
    assert bench.receiver.stop() == 0
    gaps = bench.gaps(bench.receiver)
    assert len(gaps) <= 2
    assert {gap.cause for gap in gaps} <= {GapCause.NODE_DOWN}
    assert all("node1" in gap.detail for gap in gaps)
    assert bench.holder.stream("c1")["connections"] == 1


def test_without_the_clusters_certificate_a_holder_passes_nothing_on(begin: Begin) -> None:
    bench = begin(is_stranger=True)
    bench.receiver.order([bench.relayed()])
    bench.receiver.wait_for(
        lambda: bench.receiver.stream("c1").get("cause") == "relay", "a refusal"
    )
    assert "node1" in bench.receiver.stream("c1")["message"]
    bench.holder.wait_for_pictures("c1", 100)
    assert bench.receiver.stream("c1")["pictures"] == 0
