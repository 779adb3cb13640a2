"""Three agents with their recorders, and a camera: one that allows one session, and any."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.lab.camera.conftest import cache
from tests.lab.camera.running import CameraThread, with_defaults
from tests.node.agent.material import enter
from tests.node.pulse.here import PulseHere
from tests.node.recorders.running import CLUSTER, make_volume
from tests.node.test_tls import Files

from tandem.archive.index_reader import IndexReader
from tandem.archive.layout import INDEX_FILE
from tandem.archive.rows import Gap, GapCause
from tandem.clock import SystemClock
from tandem.cluster.model import Camera, Link, Node, Placement, Protection, Stream
from tandem.node.agent.agent import Agent, Identity
from tandem.node.agent.handover import SURE_US
from tandem.node.archivist.view import Address
from tandem.node.beats import Beats, Membership
from tandem.node.control.composed import ComposedControl
from tandem.node.control.service import AGENT_PORT, serve_links
from tandem.node.home import Home
from tandem.node.joining.peers import routes_to
from tandem.node.seal import Sealer
from tandem.node.settings import (
    CapacitySettings,
    LinkSettings,
    NodeSettings,
    PeerSettings,
    VolumeSettings,
)
from tandem.node.store.fake import FakeStore
from tandem.node.tls import client_context, server_context

__all__ = ["cache"]
pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

KEY = bytes(range(32))
NODES = ("n1", "n2", "n3")
DEADLINE_S = 90.0
LOOK_S = 0.05
HOST = 1 + os.getpid() % 250
"""A loopback network of this process's own: the ports of a node are fixed."""


def address(node: str) -> str:
    return f"127.77.{HOST}.{NODES.index(node) + 1}"


class Site:
    """The nodes that run, and what each says."""

    def __init__(self, place: Path, url: str) -> None:
        self.place = place
        self.files = Files(place, "ca")
        self.store = FakeStore()
        self.url = url
        self.agents: dict[str, Agent] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._volumes: dict[str, VolumeSettings] = {}

    async def prepare(self, protection: Protection) -> None:
        streams = (Stream("main", self.url),)
        self.gate = Camera("gate", "Gate", streams, protection, 1.0)
        await enter(self.store, self.gate, Placement("gate", NODES, 1))
        for name in NODES:
            await enter(self.store, Node(name, (Link("a", address(name)),), 900, 100, 100))
            made = make_volume(self.place / name / "v1")
            self._volumes[name] = VolumeSettings(made.path, made.volume_id, made.limits)
            home = Home(self.place / name)
            home.authority.write_bytes(self.files.authority.read_bytes())
            home.credentials.write_bytes(self.files.node(name).read_bytes())

    def start(self, name: str) -> None:
        self._tasks[name] = asyncio.create_task(self._run(name))

    async def stop(self, name: str) -> None:
        task = self._tasks.pop(name)
        del self.agents[name]
        task.cancel()
        await asyncio.wait([task])

    async def edit(self, **changed: Any) -> None:
        """Change the camera's settings."""
        self.gate = replace(self.gate, **changed)
        await enter(self.store, self.gate)

    def gaps(self, name: str) -> list[Gap]:
        """What a node has noted."""
        index = IndexReader.open_for_reading(self._volumes[name].path / INDEX_FILE)
        found = index.gaps("gate", 0, 1 << 62)
        index.close()
        return found

    @asynccontextmanager
    async def heartbeats_alone(self, name: str) -> AsyncGenerator[None, None]:
        """A node of which nothing else is left."""
        clock = SystemClock()
        sender = Membership(CLUSTER, KEY, name, clock.boot_us())
        beats = Beats(
            sender,
            routes_to(self._settings(name), self._settings(name).peers),
            clock,
            lambda _: None,
        )
        task = asyncio.create_task(beats.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    def _settings(self, name: str) -> NodeSettings:
        return NodeSettings(
            name,
            CLUSTER,
            self.place / name,
            2378,
            (LinkSettings("a", address(name)),),
            tuple(PeerSettings(it, {"a": address(it)}) for it in NODES if it != name),
            (self._volumes[name],),
            (),
            CapacitySettings(),
        )

    async def _run(self, name: str) -> None:
        clock, home, settings = SystemClock(), Home(self.place / name), self._settings(name)
        asks = client_context(home.authority, home.credentials)
        identity = Identity(settings, KEY, clock.boot_us())
        pulse = PulseHere(KEY, self.store, clock)
        agent = Agent(identity, self.store, Sealer(KEY), asks, None, pulse, clock, Random(name))
        self.agents[name] = agent
        control = ComposedControl(settings, agent.known, self.store, Sealer(KEY), asks, clock)
        serves = server_context(home.authority, home.credentials)
        async with serve_links(control, [Address(address(name), AGENT_PORT)], serves):
            await agent.run()

    def said(self, name: str) -> dict[str, Any]:
        agent = self.agents.get(name)
        streams = agent.known.status()["streams"] if agent else []
        return dict(streams[0]) if streams else {}

    def sources(self) -> dict[str, str]:
        """Who records with success, and from where."""
        return {
            name: said["relayed_from"] or "camera"
            for name in NODES
            if (said := self.said(name)).get("connected") and said["pictures"]
        }

    def recorder(self, name: str) -> int | None:
        """The process that records."""
        pid: int | None = self.agents[name].known.status()["recorders"][0]["pid"]
        return pid

    def is_recorded_twice(self) -> bool:
        """Whether two nodes record at least, and one of them has the camera's session."""
        found = list(self.sources().values())
        return len(found) > 1 and found.count("camera") == 1

    def holder(self) -> str:
        """Who has the camera's session."""
        return next(name for name, source in self.sources().items() if source == "camera")

    async def until(self, wanted: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not wanted():  # noqa: ASYNC110 - it is in processes
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            words = {name: (self.said(name), it.known.word()) for name, it in self.agents.items()}
            raise AssertionError(f"never: {what}; {self.sources()}; {words}") from None


@asynccontextmanager
async def running(
    place: Path, url: str, protection: Protection = Protection.RELAYED
) -> AsyncGenerator[Site, None]:
    site = Site(place, url)
    await site.prepare(protection)
    try:
        yield site
    finally:
        for name in list(site.agents):
            await site.stop(name)


@pytest.fixture(autouse=True)
def _one_recorder_a_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})


def test_a_cameras_only_session_is_passed_on_taken_over_and_kept(
    tmp_path: Path, cache: Path
) -> None:
    only = with_defaults([{"session_limit": 1, "session_timeout_s": 3}])
    with CameraThread(tmp_path / "cameras", cache, only) as cameras:
        asyncio.run(pass_on_take_over_and_keep(tmp_path, cameras.address()))


async def pass_on_take_over_and_keep(place: Path, url: str) -> None:
    async with running(place, url) as site:
        site.start("n1")
        await site.until(lambda: site.sources() == {"n1": "camera"}, "n1 has the session")
        site.start("n2")
        site.start("n3")
        await site.until(lambda: site.sources().get("n2") == "n1", "n2 has its pictures")

        await site.stop("n1")
        await site.until(site.is_recorded_twice, "two others record")
        holder = site.holder()
        site.start("n1")
        await site.until(lambda: site.sources().get("n1") == holder, "n1 has the pictures")
        assert site.sources()[holder] == "camera", "its return costs nobody the session"
        assert site.said("n1")["role"] == "primary"

        killed = site.recorder(holder)
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        await site.until(lambda: site.recorder(holder) not in {None, killed}, "it is replaced")
        await site.until(site.is_recorded_twice, "two record again, by one session")


def test_a_node_of_which_heartbeats_alone_are_left_is_stood_in_for(
    tmp_path: Path, cache: Path
) -> None:
    only = with_defaults([{"session_limit": 1}])
    with CameraThread(tmp_path / "cameras", cache, only) as cameras:
        asyncio.run(stand_in_for_heartbeats(tmp_path, cameras.address()))


async def stand_in_for_heartbeats(place: Path, url: str) -> None:
    async with running(place, url) as site, site.heartbeats_alone("n1"):
        site.start("n2")
        site.start("n3")
        both = {"n2": "camera", "n3": "n2"}
        await site.until(lambda: site.sources() == both, "two others record")
        assert not any(it._seen.report.suspected for it in site.agents.values())


def test_another_transport_cuts_one_copy_after_the_other(tmp_path: Path, cache: Path) -> None:
    with CameraThread(tmp_path / "cameras", cache, with_defaults([{}])) as cameras:
        asyncio.run(change_the_transport(tmp_path, cameras.address()))


async def change_the_transport(place: Path, url: str) -> None:
    async with running(place, url, Protection.HOT) as site:
        site.start("n1")
        site.start("n2")
        both = {"n1": "camera", "n2": "camera"}
        await site.until(lambda: site.sources() == both, "two record")
        seen = site.agents["n2"]._turns
        await site.until(
            lambda: any(it.get("connected") for it in seen.said.values()), "n2 knows that it does"
        )
        await site.edit(transport="udp")
        await site.until(
            lambda: all(
                (said := site.said(name)).get("connections") == 2 and said["connected"]
                for name in both
            ),
            "both have changed",
        )
        # What a camera bridges in a tenth of a second is no gap: there may be none.
        gaps = [gap for name in both for gap in site.gaps(name)]
        assert {gap.cause for gap in gaps} <= {GapCause.SETTINGS_CHANGED}
        for first in site.gaps("n1"):
            for second in site.gaps("n2"):
                assert first.to_us < second.from_us, "one of them records at every moment"
        since_us = [site.said(name)["since_us"] for name in both]
        assert since_us[1] - since_us[0] >= SURE_US, "the second waits until the first records"
        assert [site.said(name)["connections"] for name in both] == [2, 2]
