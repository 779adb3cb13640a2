"""What an archivist is told: read as it was meant, and refused as a whole where it is wrong."""

import json
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.archive.deletion import Retention
from tandem.archive.space import Limits
from tandem.cluster.model import Placement
from tandem.node.archivist.orders import (
    ArchivistOrders,
    HealOrder,
    encode_orders,
    needs_another_process,
    parse_orders,
)
from tandem.node.archivist.view import Address
from tandem.recording.orders import OrdersError, VolumeOrder

NAMES = st.from_regex(r"[a-c0-9][a-c0-9_-]{0,20}", fullmatch=True)
NUMBERS = st.none() | st.integers(0, 1 << 50)
PATHS = NAMES.map(lambda name: Path("/srv") / name)
LINKS = st.lists(st.builds(Address, NAMES, st.integers(0, 65535)), max_size=3).map(tuple)
VOLUMES = st.builds(
    VolumeOrder, PATHS, st.uuids(), st.builds(Limits, NUMBERS, st.integers(1, 1 << 40))
)
PLACEMENTS = st.lists(NAMES, min_size=1, max_size=3, unique=True).map(tuple)
TEXTS = st.lists(NAMES, max_size=3).map(tuple)
ORDERS = st.builds(
    ArchivistOrders,
    NAMES,
    st.integers(1, 1 << 31),
    st.lists(VOLUMES, max_size=3).map(tuple),
    LINKS,
    PATHS,
    PATHS,
    st.integers(1, 1 << 40),
    st.dictionaries(NAMES, st.tuples(PLACEMENTS, st.integers(0, 9)), max_size=3).map(
        lambda found: {name: Placement(name, *one) for name, one in found.items()}
    ),
    st.dictionaries(NAMES, st.builds(Retention, NUMBERS, NUMBERS, NUMBERS), max_size=3),
    st.booleans(),
    st.dictionaries(NAMES, LINKS, max_size=3),
    st.dictionaries(NAMES, st.builds(HealOrder, TEXTS, TEXTS, NUMBERS, st.text()), max_size=3),
)
PLAIN = ArchivistOrders(
    node_id="n1",
    cluster_number=7,
    volumes=(VolumeOrder(Path("/srv/a"), UUID(int=1), Limits()),),
    links=(Address("192.0.2.1", 2376),),
    authority=Path("/var/lib/tandem/authority.pem"),
    credentials=Path("/var/lib/tandem/node.pem"),
    healing_bytes_s=1_000_000,
)


@given(ORDERS)
def test_an_archivist_reads_what_was_meant_and_in_one_line(orders: ArchivistOrders) -> None:
    line = encode_orders(orders)
    assert b"\n" not in line
    assert parse_orders(line) == orders


def test_only_what_is_fixed_for_life_needs_another_process() -> None:
    changed = replace(
        PLAIN,
        volumes=(),
        placements={"gate": Placement("gate", ("n1",), 1)},
        retention={"gate": Retention()},
        trusts_clock=False,
        addresses={"n2": PLAIN.links},
        heal={"gate": HealOrder(("n2",), ("main",), None, "1")},
    )
    assert not needs_another_process(PLAIN, changed)


@pytest.mark.parametrize(
    "fixed",
    [
        {"node_id": "n2"},
        {"cluster_number": 8},
        {"links": ()},
        {"authority": Path("/other.pem")},
        {"credentials": Path("/other.pem")},
        {"healing_bytes_s": 2},
    ],
)
def test_what_is_fixed_for_life_needs_another_process(fixed: dict[str, object]) -> None:
    assert needs_another_process(PLAIN, replace(PLAIN, **fixed))  # type: ignore[arg-type]


def test_orders_of_another_version_are_refused_by_name() -> None:
    text = json.loads(encode_orders(PLAIN)) | {"version": 2}
    with pytest.raises(OrdersError, match="version 2 reached an archivist of 1"):
        parse_orders(json.dumps(text))


@pytest.mark.parametrize("line", ["", "{", "7", "{}", '{"version": 1}', '{"version": 1, "x": 2}'])
def test_what_are_no_orders_is_refused(line: str) -> None:
    with pytest.raises(OrdersError):
        parse_orders(line)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("placements", {"gate": {"nodes": [], "generation": 1}}),
        ("retention", {"gate": {"max_age_us": -1}}),
        ("retention", {"gate": {"unknown": 1}}),
        ("heal", {"gate": {"peers": [], "streams": [], "since_us": "now", "token": "1"}}),
        ("links", [{"host": "192.0.2.1"}]),
    ],
)
def test_one_wrong_value_refuses_all(name: str, value: object) -> None:
    text = json.loads(encode_orders(PLAIN)) | {name: value}
    with pytest.raises(OrdersError):
        parse_orders(json.dumps(text))
