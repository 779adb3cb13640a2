"""What is stored of resources and their orders."""

import json

import pytest

from tandem.cluster.document import StoredValueError
from tandem.cluster.order import Mode, Order
from tandem.cluster.plan.resource import Resource

WEB = Order(("n1", "n2"), 7, Mode.SOFT, (5, 9))


def test_an_order_is_read_as_it_was_written() -> None:
    assert Order.decode("web", WEB.encode()) == WEB


def test_an_order_names_its_version_its_mode_and_when_it_moved() -> None:
    assert json.loads(WEB.encode()) == {
        "version": 1,
        "nodes": ["n1", "n2"],
        "generation": 7,
        "mode": "soft",
        "moved_us": [5, 9],
    }


def test_an_order_that_names_a_node_twice_is_refused() -> None:
    twice = Order(("n1", "n1"), 1).encode()
    with pytest.raises(StoredValueError, match="resource 'web' names a node twice: n1, n1"):
        Order.decode("web", twice)


def test_options_and_checks_are_stored_and_never_shown() -> None:
    checks = ({"kind": "http", "url": "http://u:secret@127.0.0.1/"},)
    web = Resource("web", "process", options={"environment": {"TOKEN": "secret"}}, checks=checks)
    assert Resource.decode("web", web.encode()) == web
    assert "secret" not in repr(web)


@pytest.mark.parametrize("name", ["migration_threshold", "restart_budget"])
def test_a_definition_that_could_never_start_is_refused(name: str) -> None:
    stored = json.loads(Resource("web", "process").encode()) | {name: 0}
    with pytest.raises(StoredValueError, match=f"'web' has '{name}' as 0"):
        Resource.decode("web", json.dumps(stored).encode())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("needs", {"kbps": -1}),
        ("needs", [1]),
        ("options", "x"),
        ("mode", "both"),
        ("after", [1]),
        ("checks", {}),
        ("checks", ["x"]),
    ],
)
def test_a_definition_with_a_wrong_field_is_refused_by_its_name(field: str, value: object) -> None:
    stored = json.loads(Resource("web", "process").encode()) | {field: value}
    with pytest.raises(StoredValueError, match=f"resource 'web' has '{field}' as"):
        Resource.decode("web", json.dumps(stored).encode())
