"""What is stored: written, read again, and refused where it cannot be understood."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.cluster.document import StoredValueError
from tandem.cluster.keys import CAMERAS, IdError, identity, key
from tandem.cluster.model import (
    Camera,
    Link,
    Node,
    Placement,
    Protection,
    Session,
    SessionState,
    Stream,
)

GATE = Camera(
    camera_id="gate",
    name="Gate, north",
    streams=(Stream("main", "rtsp://10.0.0.8/1"),),
    protection=Protection.HOT,
    bit_rate_mbps=4.5,
    keep_s=86400,
    login="sealed:1234",
)
NODE = Node("n1", (Link("a", "10.0.1.1"), Link("b", "10.0.2.1")), 940, 110.5, 200, "rack1", "ab")
PLACEMENT = Placement("gate", ("n1", "n2", "n3"), 12)
SESSION = Session(3, 99, "nonce", SessionState.EVICTED, began=7, seen=12, nodes=4, incarnation=1)


def changed(data: bytes, **fields: object) -> bytes:
    return json.dumps(json.loads(data) | fields).encode()


def test_what_is_written_is_read() -> None:
    assert Camera.decode("gate", GATE.encode()) == GATE
    assert Node.decode("n1", NODE.encode()) == NODE
    assert Placement.decode("gate", PLACEMENT.encode()) == PLACEMENT
    assert Session.decode("n1", SESSION.encode()) == SESSION


def test_the_form_on_the_wire_is_this() -> None:
    assert PLACEMENT.encode() == b'{"version":1,"nodes":["n1","n2","n3"],"generation":12}'
    assert SESSION.encode() == (
        b'{"version":1,"epoch":3,"counter":99,"nonce":"nonce","state":"evicted",'
        b'"began":7,"seen":12,"nodes":4,"incarnation":1}'
    )
    assert json.loads(GATE.encode()) == {
        "version": 1,
        "name": "Gate, north",
        "streams": [{"name": "main", "url": "rtsp://10.0.0.8/1", "recorded": True}],
        "protection": "hot",
        "bit_rate_mbps": 4.5,
        "window_s": 600,
        "transport": "tcp",
        "audio": False,
        "keep_s": 86400,
        "keep_bytes": None,
        "removed": False,
        "login": "sealed:1234",
    }


def test_a_field_of_a_later_release_is_passed_over() -> None:
    assert Camera.decode("gate", changed(GATE.encode(), colour="blue")) == GATE


@pytest.mark.parametrize("version", [0, 2, "1", None, True, 1.0])
def test_another_version_is_refused(version: object) -> None:
    with pytest.raises(StoredValueError, match=r"camera 'gate'.* version"):
        Camera.decode("gate", changed(GATE.encode(), version=version))


def test_a_newer_version_says_what_to_do() -> None:
    with pytest.raises(StoredValueError, match=r"version 2.*Run the same release on all nodes"):
        Placement.decode("gate", changed(PLACEMENT.encode(), version=2))


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"protection": "hottest"}, "'protection'.*cold, failover, relayed, hot, mirror"),
        ({"bit_rate_mbps": 0}, "'bit_rate_mbps'"),
        ({"bit_rate_mbps": float("nan")}, "'bit_rate_mbps'"),
        ({"bit_rate_mbps": "4"}, "'bit_rate_mbps' as str"),
        ({"window_s": -1}, "'window_s'"),
        ({"window_s": True}, "'window_s'"),
        ({"streams": {}}, "'streams'"),
        ({"streams": ["main"]}, "'streams'"),
        ({"streams": [{"name": "main"}]}, "camera 'gate', streams lacks 'url'"),
        ({"name": 5}, "'name'"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, object], named: str) -> None:
    with pytest.raises(StoredValueError, match=named):
        Camera.decode("gate", changed(GATE.encode(), **fields))


def test_a_login_is_in_no_message_and_no_representation() -> None:
    assert "1234" not in repr(GATE)
    with pytest.raises(StoredValueError) as refused:
        Camera.decode("gate", changed(GATE.encode(), login=["1234"]))
    assert "1234" not in str(refused.value)


@pytest.mark.parametrize("nodes", [[], ["n1", "n1"], "n1", [1]])
def test_a_placement_of_no_sense_is_refused(nodes: object) -> None:
    with pytest.raises(StoredValueError, match="camera 'gate'"):
        Placement.decode("gate", changed(PLACEMENT.encode(), nodes=nodes))


@given(
    st.one_of(st.binary(), st.recursive(st.none(), st.lists).map(lambda v: json.dumps(v).encode()))
)
def test_whatever_stands_there_is_read_or_refused(data: bytes) -> None:
    for decode in (Camera.decode, Node.decode, Placement.decode, Session.decode):
        with pytest.raises(StoredValueError):
            decode("x", data)


def test_deep_nesting_is_refused_like_any_other_nonsense() -> None:
    with pytest.raises(StoredValueError):
        Session.decode("n1", b"[" * 100_000)


def test_the_window_follows_from_the_protection() -> None:
    windows = {level: Camera("c", "c", (), level, 1, window_s=30).window_us for level in Protection}
    assert windows == {
        Protection.COLD: 0,
        Protection.FAILOVER: 0,
        Protection.RELAYED: 30_000_000,
        Protection.HOT: 30_000_000,
        Protection.MIRROR: None,
    }


def test_a_key_names_what_it_holds() -> None:
    assert key(CAMERAS, "gate") == "/tandem/v1/cameras/gate"
    assert identity(CAMERAS, "/tandem/v1/cameras/gate") == "gate"


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "-x", "a b", "x" * 64, "ä", "a\n"])
def test_a_name_that_would_break_a_key_or_a_path_is_refused(name: str) -> None:
    with pytest.raises(IdError, match="up to 63"):
        key(CAMERAS, name)


@pytest.mark.parametrize("found", ["/tandem/v1/nodes/n1", "/tandem/v1/cameras/", "gate"])
def test_a_key_of_another_kind_is_not_taken_for_one(found: str) -> None:
    with pytest.raises(IdError):
        identity(CAMERAS, found)


@pytest.mark.parametrize(
    "odd", [{"bit_rate_mbps": 1e306}, {"bit_rate_mbps": 10**400}, {"window_s": 10**40}]
)
def test_a_number_that_nobody_can_count_with_is_refused(odd: dict[str, object]) -> None:
    with pytest.raises(StoredValueError, match="camera 'gate'"):
        Camera.decode("gate", changed(GATE.encode(), **odd))
