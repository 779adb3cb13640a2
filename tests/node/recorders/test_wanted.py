"""What each process is told: the whole of its part, in words that recorders read."""

import json
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.node.recorders.running import stream

from tandem.archive.deletion import Retention
from tandem.archive.rows import Role
from tandem.archive.space import Limits
from tandem.cluster.model import Camera, Placement, Protection
from tandem.node.recorders.wanted import (
    Wanted,
    encode_orders,
    needs_another_process,
    orders_of,
    own_cameras,
)
from tandem.recording.camera import (
    Login,
    Relay,
    StreamName,
    StreamOrder,
    TransportPreference,
)
from tandem.recording.orders import Orders, Relaying, VolumeOrder, parse_orders

VOLUME = VolumeOrder(Path("/srv/a"), UUID(int=1), Limits())
WANTED = Wanted(
    7, (VOLUME,), (stream("a"), stream("b")), {"a": Retention(), "gone": Retention(max_age_us=1)}
)
PLACES = {"a": 0, "b": 1}

NAMES = st.from_regex(r"[a-c0-9][a-c0-9_-]{0,20}", fullmatch=True)
NUMBERS = st.none() | st.integers(0, 1 << 50)
STREAMS = st.builds(
    StreamOrder,
    NAMES,
    st.text(min_size=1),
    st.sampled_from(StreamName),
    st.just("rtsp://192.0.2.1/live"),
    st.none() | st.builds(Login, st.text(min_size=1), st.text()),
    st.sampled_from(TransportPreference),
    st.booleans(),
    st.sampled_from(Role),
)
RECEIVED = st.builds(
    replace,
    STREAMS,
    relay=st.builds(Relay, NAMES, st.just(("10.0.1.2", "10.0.2.2")), st.integers(1, 65535)),
)
RELAYING = Relaying(("10.0.1.1", "10.0.2.1"), 2381, Path("/a/ca.pem"), Path("/a/node.pem"), ("n2",))
VOLUMES = st.builds(
    VolumeOrder,
    NAMES.map(lambda name: Path("/srv") / name),
    st.uuids(),
    st.builds(Limits, NUMBERS, st.integers(1, 1 << 40)),
)
ORDERS = st.builds(
    Orders,
    st.integers(1, 1 << 31),
    st.lists(VOLUMES, min_size=1, max_size=3).map(tuple),
    st.lists(STREAMS | RECEIVED, max_size=3).map(tuple),
    st.dictionaries(NAMES, st.builds(Retention, NUMBERS, NUMBERS, NUMBERS), max_size=3),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, RELAYING]),
)


@given(ORDERS)
def test_a_recorder_reads_what_was_meant_and_in_one_line(orders: Orders) -> None:
    line = encode_orders(orders)
    assert b"\n" not in line
    assert parse_orders(line) == orders


def test_each_process_is_told_of_its_own_cameras() -> None:
    told = [orders_of(place, WANTED, PLACES) for place in range(3)]
    assert [[one.camera_id for one in orders.streams] for orders in told] == [["a"], ["b"], []]


def test_each_process_listens_for_other_nodes_at_a_port_of_its_own() -> None:
    relay = Relay("n2", ("10.0.1.2",), 2381)
    streams = (replace(stream("a"), relays=True), replace(stream("b"), relay=relay))
    wanted = replace(WANTED, streams=streams, relaying=RELAYING)
    told = [orders_of(place, wanted, PLACES).relaying for place in (0, 1)]
    assert told == [RELAYING, replace(RELAYING, port=2382)]
    assert orders_of(0, replace(wanted, relaying=None), PLACES).relaying is None


def test_a_process_that_passes_nothing_on_opens_no_port() -> None:
    assert orders_of(0, replace(WANTED, relaying=RELAYING), PLACES).relaying is None


def test_exactly_one_process_sweeps_and_knows_all_that_is_kept() -> None:
    told = [orders_of(place, WANTED, PLACES) for place in range(3)]
    assert [orders.sweeps for orders in told] == [True, False, False]
    assert [len(orders.retention) for orders in told] == [2, 0, 0]


def test_main_and_sub_stream_of_a_camera_are_on_one_process() -> None:
    both = (stream("b"), replace(stream("b"), stream=StreamName.SUB))
    told = orders_of(1, replace(WANTED, streams=both), PLACES)
    assert told.streams == both


def test_only_what_is_fixed_for_life_needs_another_process() -> None:
    orders = orders_of(0, WANTED, PLACES)
    assert not needs_another_process(orders, replace(orders, streams=(), retention={}))
    moved = replace(VOLUME, path=Path("/srv/b"))
    assert not needs_another_process(orders, replace(orders, volumes=(moved,)))
    assert needs_another_process(orders, replace(orders, cluster_number=8))
    assert needs_another_process(orders, replace(orders, sweeps=False))


def test_the_agent_vouches_for_the_clock_or_nobody_does() -> None:
    assert not orders_of(0, WANTED, PLACES).trusts_clock
    assert orders_of(0, replace(WANTED, trusts_clock=True), PLACES).trusts_clock
    line = encode_orders(orders_of(0, replace(WANTED, trusts_clock=True), PLACES))
    text = json.loads(line)
    for unsure in (None, "false", 1):
        assert not parse_orders(json.dumps(text | {"trusts_clock": unsure})).trusts_clock
    del text["trusts_clock"]
    assert not parse_orders(json.dumps(text)).trusts_clock


def test_a_window_ends_for_what_no_other_node_will_promise() -> None:
    kept = {"a": Retention(5, 6, 7), "b": Retention(window_us=7)}
    told = orders_of(0, replace(WANTED, retention=kept, own={"a"}), PLACES)
    assert told.retention == {"a": Retention(5, 6, None), "b": Retention(window_us=7)}


def test_a_nodes_own_are_what_it_is_primary_of_and_what_was_removed() -> None:
    def camera(camera_id: str, *, removed: bool = False) -> Camera:
        return Camera(camera_id, camera_id, (), Protection.HOT, 1.0, removed=removed)

    cameras = {
        "first": camera("first"),
        "second": camera("second"),
        "waiting": camera("waiting"),
        "gone": camera("gone", removed=True),
    }
    placements = {
        "first": Placement("first", ("n1", "n2"), 1),
        "second": Placement("second", ("n2", "n1"), 1),
    }
    assert own_cameras("n1", cameras, placements) == {"first", "gone"}


def test_a_node_without_a_volume_is_told_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"\[\[volumes\]\]"):
        Wanted(1, ())
