"""An agent's part of `tandem check`: its own machine, and the cluster with what others say."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol

from tandem.clock import Clock
from tandem.cluster.document import StoredValueError
from tandem.cluster.model import Camera, Node, Placement
from tandem.node.archivist.view import Address
from tandem.node.control.asking import ask_nodes
from tandem.node.control.merge import Answer
from tandem.node.control.protocol import VERSION, Json
from tandem.node.joining.peers import peers_of
from tandem.node.preflight import capacity, clocks, cluster, fencing
from tandem.node.preflight.clocks import Sample
from tandem.node.preflight.finding import Finding, unchecked, verdict
from tandem.node.preflight.machine import check_machine
from tandem.node.settings import NodeSettings
from tandem.node.store.errors import StoreError
from tandem.recording.own_thread import in_own_thread

PATH: Final = "/v1/check"

SAMPLE_S: Final = 1.5
"""For asking the time. With the checks between two of them an answer comes within ten seconds: who
is silent the first time is not waited for again."""

STORE_S: Final = 0.7

OTHERS_S: Final = 6.0
"""Longer than a machine takes (`running.DEADLINE_S`)."""


class Site(Protocol):
    """What an agent knows of its cluster: see `control.composed.Known`."""

    @property
    def status(self) -> Callable[[], Json]:
        """Of this node; docs/reference/status.md."""

    @property
    def others(self) -> Callable[[], Mapping[str, Sequence[Address]]]:
        """The addresses of the other nodes' agents, one a link."""

    @property
    def nodes(self) -> Callable[[], Sequence[Node]]:
        """Of the cluster, as the store has them."""

    @property
    def placements(self) -> Callable[[], Mapping[str, Placement]]:
        """As committed, by camera."""

    @property
    def cameras(self) -> Callable[[], Sequence[Camera]]:
        """All of the cluster, those removed among them or not."""


class Checking:
    """Answers what is to be checked.

    Args:
        settings: of this node.
        site: what its agent knows.
        tls: as `node.tls.client_context` makes it.
        clock: of this node.
        fences: how each node is fenced, as `FencingControl.listed` tells.
    """

    def __init__(
        self,
        settings: NodeSettings,
        site: Site,
        tls: ssl.SSLContext,
        clock: Clock,
        fences: Callable[[], Awaitable[Json]],
    ) -> None:
        self._fences = fences
        self._settings = settings
        self._site = site
        self._tls = tls
        self._clock = clock
        self._turn = asyncio.Lock()
        self._looked: tuple[int, list[Finding]] | None = None

    async def machine(self) -> Json:
        """This node's machine; who asks while it is looked at gets the same answer."""
        asked_us = self._clock.boot_us()
        async with self._turn:
            if self._looked is None or self._looked[0] < asked_us:
                findings = await self._look()
                self._looked = self._clock.boot_us(), findings
        return self._document(self._looked[1])

    async def whole(self) -> Json:
        """This node's machine, all others' by their own word, and the cluster."""
        first = await self._sample(self._site.others())
        there = {
            node_id: addresses
            for node_id, addresses in self._site.others().items()
            if (answer := first[1].get(node_id)) and answer.status
        }
        own, said = await asyncio.gather(
            self.machine(), ask_nodes(there, self._tls, self._clock, PATH, OTHERS_S)
        )
        last = await self._sample(there)
        found = [Finding.read(it) for it in own["findings"]]
        for node_id, answer in {**first[1], **said}.items():
            found += _of_node(node_id, answer)
        found += await asyncio.to_thread(self._judge, first, last)
        return self._document([*found, *await self._judge_fencing()])

    async def _look(self) -> list[Finding]:
        """With the peers that the store knows, which joined since the settings were written."""
        known = {node.node_id: node for node in self._site.nodes()}
        settings = replace(self._settings, peers=peers_of(self._settings, known))
        return await in_own_thread(
            "check",
            lambda: check_machine(settings, self._clock, agent_runs=True),
            lambda _: None,
        )

    async def _sample(
        self, nodes: Mapping[str, Sequence[Address]]
    ) -> tuple[int, dict[str, Answer]]:
        asked = await ask_nodes(nodes, self._tls, self._clock, deadline_s=SAMPLE_S)
        return self._clock.boot_us(), asked

    async def _judge_fencing(self) -> list[Finding]:
        nodes = {self._settings.node_id, *self._site.others()}
        try:
            async with asyncio.timeout(STORE_S):
                return fencing.judge(nodes, (await self._fences())["nodes"])
        except (StoreError, StoredValueError, TimeoutError) as problem:
            said = str(problem) or "the store has no answer."
            return [unchecked(fencing.CHECK, f"It cannot be seen: {said}")]

    def _judge(
        self, first: tuple[int, dict[str, Answer]], last: tuple[int, dict[str, Answer]]
    ) -> list[Finding]:
        own = self._settings.node_id
        answers = {**first[1], **last[1]}
        statuses: dict[str, Json | None] = {own: self._site.status()}
        statuses |= {node_id: answer.status for node_id, answer in answers.items()}
        problems = {own: None, **{node_id: it.problem for node_id, it in answers.items()}}
        wanted = [camera for camera in self._site.cameras() if not camera.removed]
        return [
            *cluster.judge_nodes(problems),
            *cluster.judge_links(statuses),
            *clocks.judge_others(own, samples(first, last)),
            *cluster.judge_releases(statuses),
            *cluster.judge_store((statuses[own] or {}).get("store")),
            *capacity.judge(self._site.nodes(), self._site.placements(), wanted),
        ]

    def _document(self, findings: Sequence[Finding]) -> Json:
        return {
            "version": VERSION,
            "node_id": self._settings.node_id,
            "at_us": self._clock.utc_us(),
            "verdict": verdict(findings),
            "findings": [finding.document() for finding in findings],
        }


def samples(*asked: tuple[int, Mapping[str, Answer]]) -> dict[str, list[Sample]]:
    """How far each node's clock was off whenever it was asked.

    Args:
        asked: each time: CLOCK_BOOTTIME, and the answers.
    """
    found: dict[str, list[Sample]] = {}
    for at_us, answers in asked:
        for node_id, answer in answers.items():
            if answer.clock_offset_us is not None and answer.within_us is not None:
                sample = Sample(at_us, answer.clock_offset_us, answer.within_us)
                found.setdefault(node_id, []).append(sample)
    return found


def _of_node(node_id: str, answer: Answer) -> Iterator[Finding]:
    """What a node says of its machine; it may run another release, and say what is not known."""
    if answer.status is None:
        why = unchecked("machine", answer.problem or "It does not answer.")
        yield replace(why, node=node_id)
        return
    try:
        yield from [Finding.read(it) for it in answer.status["findings"]]
    except (ValueError, KeyError, TypeError) as problem:
        why = unchecked("machine", f"What it says cannot be read: {problem}.")
        yield replace(why, node=node_id)
