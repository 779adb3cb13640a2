"""The holder of an address, and those who ask it."""

import os
import signal
from collections.abc import Callable

import pytest
from tests.resources.address.conftest import (
    CLOCK,
    LONG_S,
    CallFailedError,
    RemoteNode,
    started,
    wait_until,
)
from tests.resources.address.hosts import Lan

from tandem.cluster.exclusive.values import Token
from tandem.resources.address import messages

pytestmark = pytest.mark.lab

NodeOn = Callable[..., RemoteNode]
tell, drop = messages.encode(messages.Tell()), messages.encode(messages.Drop())


def hold() -> bytes:
    soon_us = CLOCK.boot_us() + 60_000_000
    return messages.encode(messages.Hold(Token(1, 5), soon_us, soon_us))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_an_agent_that_begins_anew_takes_up_what_the_one_before_started(
    lan: Lan, node_on: NodeOn
) -> None:
    node = started(node_on(lan.host(), address="10.7.0.100"))
    holder = node.holder()
    node.kill_agent()
    node.begin_anew()
    assert node.do("probe")[:2] == ["ours", [1, 5]]
    assert node.holder() == holder
    node.do("stop")
    wait_until(lambda: not _is_alive(holder), "an orphan that holds nothing ends")
    started(node, revision=6)


def test_another_token_is_refused_while_it_is_held(lan: Lan, node_on: NodeOn) -> None:
    node = started(node_on(lan.host(), address="10.7.0.100"))
    with pytest.raises(CallFailedError, match=r"with the token 1\.5"):
        node.do("start", 6, LONG_S)
    node.do("start", 5, LONG_S)
    assert node.do("probe")[:2] == ["ours", [1, 5]]


def test_who_asks_and_does_not_wait_for_the_answer_does_no_harm(lan: Lan, node_on: NodeOn) -> None:
    node = node_on(lan.host(), address="10.7.0.100")
    node.do("probe")
    holder = node.holder()
    for _ in range(20):
        with node.asking() as asking:
            asking.send(hold())
        with node.asking() as asking:
            for packet in (tell, b"?", hold(), tell):
                asking.send(packet)
        with node.asking():
            pass
    wait_until(lambda: node.do("health")[0], "it is held")
    assert node.holder() == holder


def test_who_left_while_another_asked_for_the_end_of_its_start_does_no_harm(
    lan: Lan, node_on: NodeOn
) -> None:
    node = node_on(lan.host(), address="10.7.0.100")
    node.do("probe")
    holder = node.holder()
    with node.asking() as one, node.asking() as two:
        for each in (one, two):
            each.send(tell)
            each.recv(4096)
        one.send(hold())
        two.send(tell)
        two.recv(4096)  # the start is under way
        os.kill(holder, signal.SIGSTOP)
        two.send(drop)
        one.close()
        os.kill(holder, signal.SIGCONT)
        assert not messages.decode_answer(two.recv(4096)).error
        two.send(tell)
        assert not messages.decode_answer(two.recv(4096)).is_well


def test_a_definition_that_changed_is_carried_out_by_a_new_holder(
    lan: Lan, node_on: NodeOn
) -> None:
    node = node_on(lan.host(), address="10.7.0.100")
    node.do("probe")
    node.kill_agent()
    node.options["address"] = "10.7.0.101"
    node.begin_anew()
    started(node)
    assert not node.host.has("10.7.0.100")
