"""What nodes ask of each other's agents: over every link, and only among nodes of the cluster."""

import asyncio
import http.client
import json
import socket
from pathlib import Path

import pytest
from tests.conformance.store.subjects import in_a_loop
from tests.node.control.material import PlayedAgent, node
from tests.node.test_tls import EARLY, Files

from tandem.clock import SystemClock
from tandem.node.archivist.view import Address
from tandem.node.control import asking
from tandem.node.control.asking import ask_nodes
from tandem.node.control.service import serve_links
from tandem.node.tls import client_context, server_context

LINK = Address("127.0.0.1", 0)


@in_a_loop
async def test_other_nodes_learn_this_ones_status_on_every_link(tmp_path: Path) -> None:
    files, agent = Files(tmp_path, "ca"), PlayedAgent()
    tls = server_context(files.authority, files.node("node1"))
    asks = client_context(files.authority, files.node("node2"))
    async with serve_links(agent, [LINK, Address("127.0.0.2", 0)], tls) as addresses:
        for address in addresses:
            agent.own = node(at_us=SystemClock().utc_us())
            answer = (await ask_nodes({"node1": [address]}, asks, SystemClock()))["node1"]
            assert (answer.status, answer.problem) == (agent.own, None)
            assert answer.clock_offset_us is not None
            assert abs(answer.clock_offset_us) < 10_000_000


@in_a_loop
async def test_one_dead_link_of_two_hides_no_node(tmp_path: Path) -> None:
    files, agent = Files(tmp_path, "ca"), PlayedAgent()
    tls = server_context(files.authority, files.node("node1"))
    asks = client_context(files.authority, files.node("node2"))
    async with serve_links(agent, [LINK], tls) as (address,):
        links = [Address("127.0.0.3", address.port), address]
        answer = (await ask_nodes({"node1": links}, asks, SystemClock()))["node1"]
    assert answer.status == agent.own


@in_a_loop
async def test_a_node_on_which_nothing_listens_is_told_in_the_systems_words(tmp_path: Path) -> None:
    files = Files(tmp_path, "ca")
    asks = client_context(files.authority, files.node("node2"))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = Address("127.0.0.1", bound.getsockname()[1])
        answer = (await ask_nodes({"node1": [address]}, asks, SystemClock()))["node1"]
    assert answer.problem == "node1 does not answer: 127.0.0.1: Connection refused."


@in_a_loop
async def test_an_address_that_has_not_come_yet_is_listened_on(tmp_path: Path) -> None:
    files = Files(tmp_path, "ca")
    tls = server_context(files.authority, files.node("node1"))
    async with serve_links(PlayedAgent(), [LINK, Address("192.0.2.77", 0)], tls) as addresses:
        assert addresses[1].host == "192.0.2.77"


@in_a_loop
async def test_a_port_that_is_taken_is_told_with_its_address(tmp_path: Path) -> None:
    files = Files(tmp_path, "ca")
    tls = server_context(files.authority, files.node("node1"))
    async with serve_links(PlayedAgent(), [LINK], tls) as (taken,):
        with pytest.raises(OSError, match=f"127.0.0.1, port {taken.port}"):
            async with serve_links(PlayedAgent(), [taken], tls):
                pass


@in_a_loop
async def test_who_is_no_node_of_this_cluster_learns_nothing(tmp_path: Path) -> None:
    ours, theirs = Files(tmp_path, "ca"), Files(tmp_path, "other")
    tls = server_context(ours.authority, ours.node("node1"))
    asks = client_context(ours.authority, theirs.node("node2"))
    async with serve_links(PlayedAgent(), [LINK], tls) as addresses:
        answer = (await ask_nodes({"node1": addresses}, asks, SystemClock()))["node1"]
    assert answer.status is None
    assert answer.problem is not None
    assert answer.problem.startswith("node1 does not answer: 127.0.0.1")


@in_a_loop
async def test_a_node_that_is_not_the_one_asked_for_is_not_believed(tmp_path: Path) -> None:
    files = Files(tmp_path, "ca")
    tls = server_context(files.authority, files.node("node3"))
    asks = client_context(files.authority, files.node("node2"))
    async with serve_links(PlayedAgent(), [LINK], tls) as addresses:
        answer = (await ask_nodes({"node1": addresses}, asks, SystemClock()))["node1"]
    assert answer.problem == (
        "node1 does not answer: 127.0.0.1: its certificate is not one of this cluster's for that"
        " node."
    )


@in_a_loop
async def test_a_certificate_that_has_ended_is_told_as_what_may_be_a_wrong_clock(
    tmp_path: Path,
) -> None:
    files = Files(tmp_path, "ca")
    tls = server_context(files.authority, files.node("node1", EARLY))
    asks = client_context(files.authority, files.node("node2"))
    async with serve_links(PlayedAgent(), [LINK], tls) as addresses:
        answer = (await ask_nodes({"node1": addresses}, asks, SystemClock()))["node1"]
    assert answer.problem is not None
    assert "has ended, by this node's clock" in answer.problem
    assert "timedatectl" in answer.problem


@in_a_loop
async def test_other_nodes_may_ask_for_nothing_but_the_status(tmp_path: Path) -> None:
    files = Files(tmp_path, "ca")
    tls = server_context(files.authority, files.node("node1"))
    asks = client_context(files.authority, files.node("node2"))
    async with serve_links(PlayedAgent(), [LINK], tls) as (address,):

        def read() -> tuple[int, bytes]:
            link = http.client.HTTPSConnection("127.0.0.1", address.port, context=asks, timeout=60)
            link.sock = asks.wrap_socket(
                socket.create_connection(("127.0.0.1", address.port), 20), server_hostname="node1"
            )
            link.request("GET", "/v1/cameras")
            response = link.getresponse()
            answer = response.status, response.read()
            link.close()
            return answer

        status, text = await asyncio.to_thread(read)
    assert (status, json.loads(text)["version"]) == (404, 1)


@in_a_loop
async def test_nodes_that_hang_are_waited_for_once_and_not_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "DEADLINE_S", 0.2)
    files = Files(tmp_path, "ca")
    asks = client_context(files.authority, files.node("node2"))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = Address("127.0.0.1", silent.getsockname()[1])
        nodes = {f"node{number}": [address] for number in (1, 3)}
        answers = await ask_nodes(nodes, asks, SystemClock())
    assert [it.status for it in answers.values()] == [None, None]
    assert "no answer within" in (answers["node1"].problem or "")
