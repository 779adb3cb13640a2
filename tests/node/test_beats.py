"""Heartbeats between three nodes in one process, on real sockets of the loopback interface."""

import asyncio
import errno
import socket
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tandem.clock import SystemClock
from tandem.cluster.heartbeat import Heartbeat, HeartbeatError, encode
from tandem.cluster.link_state import PERIOD_US
from tandem.cluster.local_health import TICK_US
from tandem.cluster.suspicion import Effect, LinkChanged, SuspicionChanged
from tandem.node.beats import Beats, Membership, Route, next_due_us, open_socket

KEY = b"k" * 32
NODES = {"n1": 1, "n2": 2, "n3": 3}
LINKS = {"a": 1, "b": 2}
DEADLINE_S = 60.0
POLL_S = 0.01


class CutSocket(socket.socket):
    """A socket whose datagrams get lost while its way is cut."""

    cuts: set[tuple[str, str, str]]
    way: tuple[str, str, str]
    is_gone = False
    is_endless = False
    refusals = 0

    def recv(self, size: int, flags: int = 0) -> bytes:
        return b"TB" + b"x" * 200 if self.is_endless else super().recv(size, flags)

    def send(self, data: bytes, flags: int = 0) -> int:  # type: ignore[override]
        if self.is_gone:
            raise OSError(errno.EINVAL, "Invalid argument")
        if self.refusals:
            self.refusals -= 1
            raise ConnectionRefusedError
        if self.way in self.cuts:
            return len(data)
        return super().send(data, flags)


class Site:
    """Three nodes and two links between them; any way of any link can be cut."""

    def __init__(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.1.1", 0))
            self.port: int = probe.getsockname()[1]
        self.cuts: set[tuple[str, str, str]] = set()
        self.missing: set[str] = set()
        self.told: dict[str, list[Effect]] = {node: [] for node in NODES}
        self.nodes: dict[str, Beats] = {}

    def address(self, node: str, link: str) -> str:
        return f"127.0.{LINKS[link]}.{NODES[node]}"

    def route(self, node: str, peer: str, link: str) -> Route:
        return Route(peer, link, self.address(node, link), self.address(peer, link), self.port)

    def routes(self, node: str) -> list[Route]:
        return [self.route(node, peer, link) for peer in NODES if peer != node for link in LINKS]

    def make(self, node: str, started_us: int = 1) -> Beats:
        member = Membership(7, KEY, node, started_us)
        self.nodes[node] = Beats(
            member,
            self.routes(node),
            SystemClock(),
            self.told[node].extend,
            lambda route: self.open(node, route),
        )
        return self.nodes[node]

    def open(self, node: str, route: Route) -> socket.socket:
        if route.local in self.missing:
            raise OSError(99, "Cannot assign requested address")
        opened = open_socket(route)
        cut = CutSocket(opened.family, opened.type, fileno=opened.detach())
        cut.setblocking(False)
        cut.cuts, cut.way = self.cuts, (node, route.node_id, route.link)
        return cut

    def cut(self, one: str, other: str, link: str) -> None:
        self.cuts |= {(one, other, link), (other, one, link)}

    def suspected(self, node: str) -> frozenset[str]:
        return self.nodes[node].state.suspected

    def is_heard(self, node: str, peer: str, link: str) -> bool:
        return self.nodes[node].state.peers[peer].links[link].heard_us is not None

    async def all_hear(self) -> None:
        await until(
            lambda: all(
                self.is_heard(node, route.node_id, route.link)
                for node in self.nodes
                for route in self.routes(node)
                if route.node_id in self.nodes
            ),
            "all hear each other on all links",
        )


async def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"Never: {what}"
        await asyncio.sleep(POLL_S)


@asynccontextmanager
async def running(
    site: Site, nodes: Sequence[str]
) -> AsyncGenerator[dict[str, asyncio.Task[None]]]:
    async with asyncio.TaskGroup() as group:
        tasks = {node: group.create_task(site.make(node).run()) for node in nodes}
        try:
            yield tasks
        finally:
            for task in tasks.values():
                task.cancel()


Scenario = Callable[[Site, dict[str, asyncio.Task[None]]], Awaitable[None]]


def play(scenario: Scenario, nodes: Sequence[str] = ("n1", "n2", "n3")) -> None:
    async def run() -> None:
        site = Site()
        async with running(site, nodes) as tasks:
            await site.all_hear()
            await scenario(site, tasks)

    asyncio.run(run())


async def beats_pass(site: Site, count: int) -> None:
    """Wait until each node that runs has heard so many beats more."""
    before = {name: beats.counts.received for name, beats in site.nodes.items()}
    await until(
        lambda: all(
            beats.counts.received >= before[name] + count for name, beats in site.nodes.items()
        ),
        f"{count} beats more are heard",
    )


def test_nodes_that_hear_each_other_suspect_nobody() -> None:
    async def scenario(site: Site, _: dict[str, asyncio.Task[None]]) -> None:
        await beats_pass(site, 40)
        assert [site.suspected(node) for node in NODES] == [frozenset()] * 3

    play(scenario)


def test_beats_are_sent_each_100_ms_and_never_more_often() -> None:
    async def scenario(site: Site, _: dict[str, asyncio.Task[None]]) -> None:
        node = site.nodes["n1"]
        first, begun_us = node._counter, SystemClock().boot_us()
        await until(lambda: node._counter >= first + 15, "15 more are sent")
        assert SystemClock().boot_us() - begun_us >= 13 * PERIOD_US

    play(scenario)


def test_a_node_that_ends_is_suspected_by_both_others_and_no_longer_when_it_is_back() -> None:
    async def scenario(site: Site, tasks: dict[str, asyncio.Task[None]]) -> None:
        tasks["n3"].cancel()
        await until(
            lambda: site.suspected("n1") == site.suspected("n2") == {"n3"}, "both suspect n3"
        )
        assert SuspicionChanged in {type(it) for it in site.told["n1"]}
        again = site.make("n3", started_us=2)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(again.run())
            await until(
                lambda: not site.suspected("n1") | site.suspected("n2"), "nobody is suspected"
            )
            task.cancel()

    play(scenario)


def test_whom_another_node_suspects_is_told_of_at_once_and_once() -> None:
    """Two words make a majority: whoever waits for the second has waited enough."""
    site = Site()
    beats = site.make("n1")
    told: list[frozenset[str]] = []
    beats._tell = lambda _: told.append(beats.state.words.get("n2", frozenset()))
    for counter, suspects in enumerate([frozenset(), {"n3"}, {"n3"}, frozenset()], start=1):
        beat = Heartbeat(7, "n2", "n1", "a", 1, counter, 1, suspects=frozenset(suspects))
        beats._hear(("n2", "a"), encode(beat, KEY))
    assert told == [{"n3"}, frozenset()]


def test_a_cut_link_is_told_of_and_suspects_nobody() -> None:
    async def scenario(site: Site, _: dict[str, asyncio.Task[None]]) -> None:
        site.cut("n1", "n2", "a")
        down = LinkChanged("n2", "a", is_inbound=True, is_up=False)
        await until(lambda: down in site.told["n1"], "n1 knows that link a is down")
        await beats_pass(site, 20)
        assert not any(site.suspected(node) for node in NODES)
        site.cuts.clear()
        up = replace(down, is_up=True)
        await until(lambda: up in site.told["n1"], "n1 knows that link a is up")

    play(scenario)


def test_a_node_that_only_another_one_hears_is_not_suspected() -> None:
    async def scenario(site: Site, _: dict[str, asyncio.Task[None]]) -> None:
        for link in LINKS:
            site.cut("n1", "n2", link)
        downs = [LinkChanged("n2", link, is_inbound=True, is_up=False) for link in LINKS]
        await until(lambda: all(it in site.told["n1"] for it in downs), "both links are down")
        assert not any(site.suspected(node) for node in NODES)

    play(scenario)


def test_one_direction_that_is_cut_is_told_apart() -> None:
    async def scenario(site: Site, _: dict[str, asyncio.Task[None]]) -> None:
        site.cuts.add(("n1", "n2", "a"))
        outbound = LinkChanged("n2", "a", is_inbound=False, is_up=False)
        inbound = LinkChanged("n1", "a", is_inbound=True, is_up=False)
        await until(lambda: outbound in site.told["n1"], "n1 knows that nothing arrives")
        await until(lambda: inbound in site.told["n2"], "n2 knows that nothing comes")
        assert replace(outbound, is_inbound=True) not in site.told["n1"]

    play(scenario)


def test_a_link_that_is_missing_at_the_start_is_used_when_it_comes() -> None:
    async def run() -> None:
        site = Site()
        site.missing.add(site.address("n1", "a"))
        async with running(site, ["n1", "n2"]):
            await until(lambda: site.is_heard("n1", "n2", "b"), "the other link works")
            await until(lambda: site.nodes["n2"].counts.refused > 0, "a peer is refused")
            assert not site.is_heard("n1", "n2", "a")
            site.missing.clear()
            await until(lambda: site.is_heard("n1", "n2", "a"), "the link that came works")
            await until(lambda: site.is_heard("n2", "n1", "a"), "and the other way")

    asyncio.run(run())


def test_a_socket_whose_address_has_gone_is_opened_anew() -> None:
    async def scenario(site: Site, _: dict[str, asyncio.Task[None]]) -> None:
        node = site.nodes["n1"]
        broken = node._sockets["n2", "a"]
        assert isinstance(broken, CutSocket)
        broken.is_gone = True
        await until(
            lambda: node._sockets.get(("n2", "a"), broken) is not broken, "another one is open"
        )
        assert broken.fileno() == -1
        before_us = node.state.peers["n2"].links["a"].heard_us
        await until(
            lambda: node.state.peers["n2"].links["a"].heard_us != before_us, "it is heard again"
        )

    play(scenario)


def test_what_strangers_send_reaches_nobody() -> None:
    async def scenario(site: Site, _: dict[str, asyncio.Task[None]]) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.1.99", 0))
            for _number in range(1000):
                stranger.sendto(b"x" * 200, (site.address("n1", "a"), site.port))
        await beats_pass(site, 8)
        assert site.nodes["n1"].counts.foreign == 0

    play(scenario)


def test_a_flood_from_a_peer_s_own_address_starves_nobody() -> None:
    async def scenario(site: Site, _: dict[str, asyncio.Task[None]]) -> None:
        flooded = site.nodes["n1"]._sockets["n2", "a"]
        assert isinstance(flooded, CutSocket)
        flooded.is_endless = True  # however fast we read
        await until(lambda: site.nodes["n1"].counts.foreign > 500, "it is flooded")
        await beats_pass(site, 20)
        assert not any(site.suspected(node) for node in NODES)

    play(scenario)


def test_a_beat_is_sent_although_the_one_before_it_was_refused() -> None:
    async def scenario(site: Site, _: dict[str, asyncio.Task[None]]) -> None:
        node = site.nodes["n1"]
        refused = node._sockets["n2", "a"]
        assert isinstance(refused, CutSocket)
        before = node.counts.refused
        refused.refusals = 1
        await until(lambda: node.counts.refused > before, "a beat is refused")
        await beats_pass(site, 8)
        assert node.counts.unsent == 0
        assert site.nodes["n2"].state.peers["n1"].links["a"].quality.loss == 0

    play(scenario)


def test_a_node_at_another_one_s_address_is_not_taken_for_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> None:
        site = Site()
        impostor = replace(site.route("n1", "n2", "a"), node_id="n3", link="a")
        told: list[Effect] = []
        node = Beats(Membership(7, KEY, "n1", 1), [impostor], SystemClock(), told.extend)
        async with running(site, ["n2"]), asyncio.TaskGroup() as group:
            task = group.create_task(node.run())
            await until(lambda: node.counts.foreign > 3, "beats of n2 come")
            assert node.state.peers["n3"].links["a"].heard_us is None
            assert node.counts.received == 0
            task.cancel()

    asyncio.run(run())
    assert caplog.text.count("node n2 answers there") == 1  # and not for each beat


def test_a_wrong_key_is_complained_of_once_and_nothing_is_heard(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> None:
        site = Site()
        told: list[Effect] = []
        member = Membership(7, b"other" * 7, "n1", 1)
        node = Beats(member, site.routes("n1"), SystemClock(), told.extend)
        async with running(site, ["n2"]), asyncio.TaskGroup() as group:
            task = group.create_task(node.run())
            await until(lambda: node.counts.foreign > 6, "beats of n2 come")
            assert node.counts.received == 0
            task.cancel()

    asyncio.run(run())
    assert caplog.text.count("same cluster key") == 4  # each route of both, and not each beat


def test_a_new_peer_is_heard_and_one_that_left_is_forgotten() -> None:
    async def scenario(site: Site, _: dict[str, asyncio.Task[None]]) -> None:
        node = site.nodes["n1"]
        known = node.state.peers["n2"]
        node.set_routes([site.route("n1", "n2", link) for link in LINKS])
        assert node.state.peers == {"n2": known}
        assert set(node._sockets) == {("n2", "a"), ("n2", "b")}
        node.set_routes(site.routes("n1"))
        await until(lambda: site.is_heard("n1", "n3", "a"), "n3 is heard")

    play(scenario)


def test_a_node_that_began_alone_hears_those_that_come_and_they_hear_it() -> None:
    async def run() -> None:
        site = Site()
        told: list[Effect] = []
        alone = Beats(Membership(7, KEY, "n1", 1), [], SystemClock(), told.extend)
        async with running(site, ["n2"]), asyncio.TaskGroup() as group:
            task = group.create_task(alone.run())
            alone.set_routes([site.route("n1", "n2", link) for link in LINKS])
            await until(lambda: alone.state.reached == {"n2"}, "n2 is reached")
            assert alone.state.peers["n2"].links.keys() == LINKS.keys()
            task.cancel()

    asyncio.run(run())


def test_the_cluster_s_key_is_in_no_representation() -> None:
    assert "kkk" not in repr(Membership(7, KEY, "n1", 1))


def test_more_peers_than_a_datagram_can_name_are_refused_before_the_first_beat() -> None:
    routes = [Route(f"node-{it:030}", "a", "127.0.0.1", "127.0.0.2") for it in range(100)]
    with pytest.raises(HeartbeatError, match="does not fit"):
        Beats(Membership(7, KEY, "n1", 1), routes, SystemClock(), lambda _: None)


@given(st.integers(0, 1 << 40), st.integers(-TICK_US, 1 << 30))
def test_the_schedule_does_not_drift_and_makes_up_for_nothing(due_us: int, late_us: int) -> None:
    now_us = due_us + late_us
    next_us = next_due_us(due_us, now_us)
    assert (next_us - due_us) % TICK_US == 0
    assert next_us > max(due_us, now_us)
    assert next_us - max(due_us, now_us) <= TICK_US
