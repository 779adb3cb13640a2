"""A camera's session is known to who receives, so that it can end what a dead node left."""

from pathlib import Path
from random import Random

import pytest
from tests.conformance.store.subjects import in_a_loop
from tests.recording.relay.feeding import HandClock, Notes
from tests.recording.relay.nodes import HOST, Receiver, held, receiving, until
from tests.recording.streams import CONFIG, order

from tandem.media.rtsp.session import CameraSession
from tandem.media.units import AccessUnit
from tandem.recording.orders import Relaying
from tandem.recording.relay.feed import Feed
from tandem.recording.relay.protocol import Place, Start, Unit
from tandem.recording.relay.reception import Reception
from tandem.recording.relay.relays import Relays
from tandem.recording.relay.source import RelaySource

SESSION = CameraSession("rtsp://192.0.2.1/s/", "77", 30)


def known_to(receiver: Receiver) -> CameraSession | None:
    assert isinstance(receiver.source, RelaySource)
    last = receiver.source.last_session
    return last.session if last else None


@in_a_loop
async def test_it_is_known_until_the_camera_refused_this_node_one_of_its_own(
    tmp_path: Path,
) -> None:
    async with held(tmp_path) as holder:
        receiver = Receiver(holder)
        async with receiving(receiver):
            await until(lambda: bool(receiver.notes.calls))
            holder.feed.opened(SESSION)  # the camera says that it plays after its first pictures
            await until(lambda: known_to(receiver) == SESSION)
    receiver.relays.apply(None, ())  # for a moment nobody is believed to have the camera
    receiver.relays.apply(None, (holder.order,))
    book = receiver.relays.sessions_of(holder.order.key)
    assert [book.take(), book.take()] == [SESSION, None]


@in_a_loop
async def test_who_joins_later_is_told_as_well(tmp_path: Path) -> None:
    async with held(tmp_path) as holder:
        holder.feed.opened(SESSION)
        receiver = Receiver(holder)
        async with receiving(receiver):
            await until(lambda: known_to(receiver) == SESSION)


@in_a_loop
async def test_what_could_not_stand_in_a_request_is_passed_on_to_nobody(tmp_path: Path) -> None:
    async with held(tmp_path) as holder:
        for name in ("", "two words", "7\r\nX: y", "\u00e9", "x" * 513):
            holder.feed.opened(CameraSession(SESSION.url, name))
        holder.feed.opened(CameraSession(SESSION.url, SESSION.id, 0))
        receiver = Receiver(holder)
        async with receiving(receiver):
            holder.film(3)
            await until(lambda: len(receiver.notes.units) == 3)
            assert known_to(receiver) is None


TIMEOUT_US = SESSION.timeout_s * 1_000_000


def fed(clock: HandClock) -> Feed:
    """A stream whose camera was connected for an hour, until now."""
    feed = Feed(clock, Random(1))
    feed.begin(None)
    feed.opened(SESSION)
    clock.now_us += 3_600_000_000
    return feed


@pytest.mark.parametrize(("age_us", "taken"), [(TIMEOUT_US - 1, SESSION), (TIMEOUT_US, None)])
def test_an_own_session_is_told_for_as_long_as_the_camera_may_count_it(
    age_us: int, taken: CameraSession | None
) -> None:
    clock = HandClock()
    for over in (Feed.end, Feed.close):
        feed = fed(clock)
        over(feed, "the cameras' network failed")
        clock.now_us += age_us
        assert feed.take() == taken


@pytest.mark.parametrize(("age_us", "taken"), [(TIMEOUT_US - 1, SESSION), (TIMEOUT_US, None)])
def test_that_of_another_node_for_as_long_after_its_last_picture(
    age_us: int, taken: CameraSession | None
) -> None:
    clock = HandClock()
    relays = Relays(clock, Random(1))
    relaying = Relaying((), 0, Path("ca"), Path("node"), ())
    relayed = order(relay={"node_id": "node1", "addresses": [HOST], "port": 2381})
    relays.apply(relaying, (relayed,))
    source = relays.receive(relayed)
    assert isinstance(source, RelaySource)
    received = source._reception = Reception(Notes(), clock)
    received.take([Start(Place(1, 0), False, None, 0, 0), SESSION])
    clock.now_us += 3_600_000_000
    received.take([Unit(True, AccessUnit(b"x", 0, True, CONFIG, bytes(16)))])
    relays.apply(relaying, ())
    clock.now_us += age_us
    relays.apply(relaying, (order(),))
    assert relays.sessions_of(order().key).take() == taken
    assert not relays._sessions
