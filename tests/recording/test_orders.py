"""Orders to a recorder: what is not understood is refused as a whole, and never quoted."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.archive.deletion import Retention
from tandem.recording.orders import (
    OrdersError,
    Relaying,
    encode_relaying,
    parse_orders,
    parse_relaying,
)

VOLUME = {"path": "/srv/a", "volume_id": str(UUID(int=1))}
STREAM = {"camera_id": "gate", "url": "rtsp://192.0.2.1/s", "username": "u", "password": "s3cret"}
RELAYING: dict[str, Any] = {
    "addresses": ["10.0.1.1", "10.0.2.1"],
    "port": 2382,
    "authority": "/var/lib/tandem/authority.pem",
    "node": "/var/lib/tandem/node.pem",
    "peers": ["n2", "n3"],
}
GOOD: dict[str, Any] = {
    "version": 1,
    "cluster_number": 1,
    "volumes": [VOLUME],
    "streams": [STREAM],
    "retention": {"gate": {"max_age_us": 7, "window_us": None}},
}


def test_complete_orders_are_read() -> None:
    orders = parse_orders(json.dumps(GOOD))
    assert [one.camera_id for one in orders.streams] == ["gate"]
    assert orders.retention == {"gate": Retention(max_age_us=7)}
    assert orders.sweeps
    assert orders.relaying is None


def test_orders_may_say_how_streams_are_passed_on() -> None:
    relaying = parse_orders(json.dumps(GOOD | {"relaying": RELAYING})).relaying
    assert relaying == Relaying(
        ("10.0.1.1", "10.0.2.1"),
        2382,
        Path("/var/lib/tandem/authority.pem"),
        Path("/var/lib/tandem/node.pem"),
        ("n2", "n3"),
    )
    assert parse_relaying(encode_relaying(relaying)) == relaying


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 2},
        {"retention": None},
        {"retention": {"gate": {"max_age_us": "7d"}}},
        {"retention": {"gate": {"max_bytes": -1}}},
        {"retention": {"gate": {"max_weight": 1}}},
        {"volumes": [VOLUME | {"max_bytes": "1G"}]},
        {"volumes": [VOLUME | {"volume_id": "x"}]},
        {"volumes": "all"},
        {"streams": ["gate"]},
        {"streams": [STREAM | {"camera_id": "writers"}]},
        {"streams": [STREAM | {"camera_id": "_gate"}]},
        {"streams": [STREAM | {"camera_id": "x" * 300}]},
        {"cluster_number": None},
        {"relaying": {}},
        {"relaying": RELAYING | {"port": 1 << 16}},
        {"relaying": RELAYING | {"port": None}},
        {"relaying": RELAYING | {"peers": None}},
        {"relaying": RELAYING | {"addresses": ["all"]}},
        {"relaying": RELAYING | {"node": None}},
    ],
)
def test_what_cannot_be_carried_out_is_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(OrdersError) as refusal:
        parse_orders(json.dumps(GOOD | wrong))
    assert "s3cret" not in str(refusal.value)


@given(st.binary(max_size=200))
def test_no_bytes_bring_about_another_error(line: bytes) -> None:
    with pytest.raises(OrdersError):
        parse_orders(line)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(OrdersError):
        parse_orders("[" * 100_000)
