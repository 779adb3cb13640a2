"""Definitions in the store: what was written comes back, what would do harm is refused."""

import pytest
from tests.node.fencing.agents import device

from tandem.cluster.document import StoredValueError
from tandem.node.fencing.definition import Action, Device, Fencing
from tandem.node.fencing.sealing import SecretBox, SecretError

BOX = SecretBox(bytes(range(32)))


def test_a_definition_comes_back_as_it_was() -> None:
    levels = (
        (device("fence_apc", delay_s=2), device("fence_apc", action=Action.REBOOT)),
        (device("fence_ipmilan", has_status=False, sealed="v1:x"),),
    )
    fencing = Fencing("n2", levels)
    assert Fencing.decode("n2", fencing.encode()) == fencing


@pytest.mark.parametrize("agent", ["rm", "../bin/fence_x", "fence_", "fence_x y", "/fence_x"])
def test_only_fence_agents_are_called(agent: str) -> None:
    with pytest.raises(StoredValueError, match="not the name of a fence agent"):
        Device(agent)


@pytest.mark.parametrize(
    "options", [{"ip": "x\naction=on"}, {"action": "on"}, {"a b": "x"}, {"ip": "x" * 1001}]
)
def test_options_that_would_be_read_as_something_else_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(StoredValueError):
        Device("fence_x", options)


@pytest.mark.parametrize("levels", [b"[]", b'[{"devices":[]}]'])
def test_a_definition_without_a_device_is_none(levels: bytes) -> None:
    with pytest.raises(StoredValueError, match="without a device"):
        Fencing.decode("n2", b'{"version":1,"levels":' + levels + b"}")


def test_secrets_come_back_for_that_node_and_that_device_alone() -> None:
    sealed = BOX.seal("n2", device(), {"password": "s3cret"})
    assert BOX.open("n2", sealed) == {"password": "s3cret"}
    for box, node_id, other in (
        (SecretBox(bytes(32)), "n2", sealed),
        (BOX, "n3", sealed),
        (BOX, "n2", device(options={"ip": "203.0.113.66"}, sealed=sealed.sealed)),
        (BOX, "n2", device("fence_other", sealed=sealed.sealed)),
        (BOX, "n2", device()),
        (BOX, "n2", device(sealed="v2:AAAA")),
    ):
        with pytest.raises(SecretError, match="n"):
            box.open(node_id, other)


def test_a_sealed_secret_is_shown_by_nothing() -> None:
    sealed = BOX.seal("n2", device(), {"password": "s3cret"})
    assert "s3cret" not in repr(sealed) + Fencing("n2", ((sealed,),)).encode().decode()
    assert sealed.sealed not in repr(sealed)
