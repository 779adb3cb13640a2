"""What each process is told: the whole of its part, in words that recorders read."""

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
from tandem.node.recorders.wanted import Wanted, encode_orders, needs_another_process, orders_of
from tandem.recording.camera import Login, StreamName, StreamOrder, TransportPreference
from tandem.recording.orders import Orders, VolumeOrder, parse_orders

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
    st.lists(STREAMS, max_size=3).map(tuple),
    st.dictionaries(NAMES, st.builds(Retention, NUMBERS, NUMBERS, NUMBERS), max_size=3),
    st.booleans(),
)


@given(ORDERS)
def test_a_recorder_reads_what_was_meant_and_in_one_line(orders: Orders) -> None:
    line = encode_orders(orders)
    assert b"\n" not in line
    assert parse_orders(line) == orders


def test_each_process_is_told_of_its_own_cameras() -> None:
    told = [orders_of(place, WANTED, PLACES) for place in range(3)]
    assert [[one.camera_id for one in orders.streams] for orders in told] == [["a"], ["b"], []]


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
    assert needs_another_process(orders, replace(orders, volumes=(moved,)))
    assert needs_another_process(orders, replace(orders, cluster_number=8))
    assert needs_another_process(orders, replace(orders, sweeps=False))


def test_a_node_without_a_volume_is_told_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"\[\[volumes\]\]"):
        Wanted(1, ())
