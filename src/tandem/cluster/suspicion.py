"""Whom this node suspects to be gone, and which links work: from heartbeats on several links.

A peer is suspected when there is no sign of life for its timeout. A sign is a beat of its own over
any link, or the word of another node that heard it itself ("A hears C; B does not"): such a word is
about direct hearing alone, with its age, so that two nodes cannot keep a dead third alive by
telling each other. A peer that only others hear is not suspected; its links from here are down.

    timeout = min(400 ms + 4 d, 2 s) x stretch

with `d` the deviation of its steadiest working link (`link_state`), and the stretch of a node that
is starved itself (`local_health`). Too soon costs a superfluous recorder, too late costs pictures
of `failover` cameras: hence the steadiest. A relayed sign may be one period older.

A suspicion is this node's own. It may start a shared resource; it never ends a session, never names
a primary, and never drops a copy.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tandem.cluster.heartbeat import OLDEST_MS, Heard, Heartbeat
from tandem.cluster.link_state import BASE_US, PERIOD_US, LinkState, hear, is_new
from tandem.cluster.local_health import LocalHealth, tick
from tandem.cluster.settling import Verdict, judge


@dataclass(frozen=True, slots=True)
class Beat:
    """An authentic heartbeat has arrived."""

    beat: Heartbeat


@dataclass(frozen=True, slots=True)
class Tick:
    """`local_health.TICK_US` have passed, or more, if this node was kept from running."""


Event = Beat | Tick


@dataclass(frozen=True, slots=True)
class SuspicionChanged:
    """A peer is suspected from now on, or no longer.

    Attributes:
        node_id: the peer.
        is_suspected: which.
        silence_us: for how long there had been no sign of life.
    """

    node_id: str
    is_suspected: bool
    silence_us: int


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """A link to or from a peer works from now on, or no longer.

    Attributes:
        node_id: the peer.
        link: which.
        is_inbound: from the peer to this node; otherwise the way back.
        is_up: whether it works.
    """

    node_id: str
    link: str
    is_inbound: bool
    is_up: bool


Effect = SuspicionChanged | LinkChanged


@dataclass(frozen=True, slots=True)
class Peer:
    """What is known of one peer.

    Attributes:
        links: by name.
        known_us: since when it is a peer.
        relayed_us: when another node last heard it, by that node's word.
        verdict: whether it is suspected.
        suspects: whom it suspects, by the newest of its beats.
        said: of that beat, its process and number.
    """

    links: Mapping[str, LinkState]
    known_us: int
    relayed_us: int | None = None
    verdict: Verdict = field(default_factory=Verdict)
    suspects: frozenset[str] = frozenset()
    said: tuple[int, int] = (0, 0)

    @property
    def is_heard(self) -> bool:
        """Whether its own beats come over some link."""
        return not self.verdict.is_down and any(
            link.heard_us is not None and not link.inbound.is_down for link in self.links.values()
        )


@dataclass(frozen=True, slots=True)
class State:
    """What this node hears.

    Attributes:
        node_id: this node.
        links: the names of all links.
        peers: the other nodes.
        health: how far it trusts itself.
    """

    node_id: str
    links: tuple[str, ...]
    peers: Mapping[str, Peer]
    health: LocalHealth

    @property
    def suspected(self) -> frozenset[str]:
        """The peers that this node suspects."""
        return frozenset(name for name, peer in self.peers.items() if peer.verdict.is_down)

    @property
    def words(self) -> Mapping[str, frozenset[str]]:
        """Whom each node suspects that is heard itself, and whom this one does."""
        heard = {name: peer.suspects for name, peer in self.peers.items() if peer.is_heard}
        return {**heard, self.node_id: self.suspected}

    @property
    def reached(self) -> frozenset[str]:
        """The peers that are there, and between which and this node a link works both ways."""
        return frozenset(
            name
            for name, peer in self.peers.items()
            if not peer.verdict.is_down
            and any(
                not it.inbound.is_down and not it.outbound.is_down for it in peer.links.values()
            )
        )


def start(node_id: str, links: Iterable[str], peers: Iterable[str], now_us: int) -> State:
    """A node that has heard nobody yet. Its peers have a whole timeout to be heard."""
    state = State(node_id, tuple(links), {}, LocalHealth(now_us, now_us))
    return with_peers(state, peers, now_us)


def with_peers(state: State, peers: Iterable[str], now_us: int) -> State:
    """The same with these peers: those that stay keep what is known of them."""
    fresh = Peer({link: LinkState() for link in state.links}, known_us=now_us)
    names = [name for name in peers if name != state.node_id]
    return replace(state, peers={name: state.peers.get(name, fresh) for name in names})


def with_links(state: State, links: Iterable[str]) -> State:
    """The same with further links; a node that was alone may have begun with none."""
    names = tuple(dict.fromkeys((*state.links, *links)))
    peers = {
        name: replace(peer, links={link: peer.links.get(link, LinkState()) for link in names})
        for name, peer in state.peers.items()
    }
    return replace(state, links=names, peers=peers)


def step(state: State, event: Event, now_us: int) -> tuple[State, list[Effect]]:
    """Take one event.

    Args:
        state: as it was.
        event: what happened. A beat of a stranger, for somebody else or from the past is ignored.
        now_us: CLOCK_BOOTTIME.

    Returns:
        The new state, and what has changed; verdicts are passed at ticks alone.
    """
    if isinstance(event, Beat):
        return _heard(state, event.beat, now_us), []
    state = replace(state, health=tick(state.health, now_us))
    effects: list[Effect] = []
    peers: dict[str, Peer] = {}
    for name, peer in state.peers.items():
        peers[name], changes = _judged(state.health, name, peer, now_us)
        effects += changes
    return replace(state, peers=peers), effects


def beats(
    state: State, cluster: int, started_us: int, counter: int, now_us: int
) -> list[Heartbeat]:
    """What to send now: a beat to each peer over each link.

    Args:
        state: as it is.
        cluster: its number.
        started_us: when this process began, UTC, and later than any process of this node before:
            a clock that was set back must not make its peers take it for the past.
        counter: grows with each call.
        now_us: CLOCK_BOOTTIME.
    """
    heard = tuple(_ages(state, now_us))
    found = []
    for name, peer in state.peers.items():
        for link, known in peer.links.items():
            heard_us = now_us if known.heard_us is None else known.heard_us
            found.append(
                Heartbeat(
                    cluster=cluster,
                    sender=state.node_id,
                    receiver=name,
                    link=link,
                    started_us=started_us,
                    counter=counter,
                    sent_us=now_us,
                    echo_sent_us=known.echo_us,
                    echo_held_us=now_us - heard_us,
                    loss=None if known.heard_us is None else known.quality.loss,
                    heard=heard,
                    suspects=state.suspected,
                )
            )
    return found


def _ages(state: State, now_us: int) -> Iterable[Heard]:
    """Whom this node has heard itself, and how long ago; never what it was told."""
    for name, peer in state.peers.items():
        for link, known in peer.links.items():
            if known.heard_us is not None:
                age_ms = (now_us - known.heard_us) // 1000
                yield Heard(name, link, min(age_ms, OLDEST_MS))


def _heard(state: State, beat: Heartbeat, now_us: int) -> State:
    sender = state.peers.get(beat.sender)
    if beat.receiver != state.node_id or sender is None or beat.link not in sender.links:
        return state
    known = sender.links[beat.link]
    if not is_new(known, beat):
        return state
    peers = dict(state.peers)
    said = (beat.started_us, beat.counter)
    peers[beat.sender] = replace(
        sender,
        links={**sender.links, beat.link: hear(known, beat, now_us)},
        suspects=beat.suspects if said > sender.said else sender.suspects,
        said=max(said, sender.said),
    )
    if said <= sender.said:
        return replace(state, peers=peers)  # another link was faster, and has told the same
    for word in beat.heard:
        if word.age_ms < OLDEST_MS:
            _take_word(state.node_id, peers, beat.sender, word, now_us - word.age_ms * 1000)
    return replace(state, peers=peers)


def _take_word(me: str, peers: dict[str, Peer], sender: str, word: Heard, at_us: int) -> None:
    """Of this node: its own beats arrive there. Of another: it lives."""
    if word.node_id == me:
        links = peers[sender].links
        link = links.get(word.link)
        if link is not None and (link.arrived_us is None or link.arrived_us < at_us):
            link = replace(link, arrived_us=at_us)
            peers[sender] = replace(peers[sender], links={**links, word.link: link})
        return
    peer = peers.get(word.node_id)
    if peer is None or word.node_id == sender:
        return
    # Most of what sixty nodes tell of each other is no news, and making a peer anew costs most.
    if peer.relayed_us is None or peer.relayed_us < at_us:
        peers[word.node_id] = replace(peer, relayed_us=at_us)


def _judged(health: LocalHealth, name: str, peer: Peer, now_us: int) -> tuple[Peer, list[Effect]]:
    since_us = max(health.listening_us, peer.known_us)
    silence_us = now_us - max(since_us, _last_sign(peer))
    verdict = judge(peer.verdict, now_us, is_heard=silence_us <= _timeout_us(peer) * health.stretch)
    speaks = any(
        link.heard_us is not None and now_us - link.heard_us <= BASE_US
        for link in peer.links.values()
    )
    links = {
        link: _link_judged(health, known, since_us, now_us, speaks=speaks)
        for link, known in peer.links.items()
    }
    effects: list[Effect] = []
    if verdict.is_down != peer.verdict.is_down:
        effects.append(SuspicionChanged(name, verdict.is_down, silence_us))
    for link, known in links.items():
        before = peer.links[link]
        for is_inbound, was, now in (
            (True, before.inbound, known.inbound),
            (False, before.outbound, known.outbound),
        ):
            if was.is_down != now.is_down:
                effects.append(LinkChanged(name, link, is_inbound, not now.is_down))
    return replace(peer, links=links, verdict=verdict), effects


def _link_judged(
    health: LocalHealth, link: LinkState, since_us: int, now_us: int, *, speaks: bool
) -> LinkState:
    """Both directions. Of the way out nothing is known while the peer says nothing at all."""
    timeout_us = link.timeout_us * health.stretch
    silence_us = now_us - max(since_us, link.heard_us or 0)
    inbound = judge(link.inbound, now_us, is_heard=silence_us <= timeout_us)
    outbound = link.outbound
    if speaks:
        unheard_us = now_us - max(since_us, link.arrived_us or 0)
        outbound = judge(outbound, now_us, is_heard=unheard_us <= timeout_us + PERIOD_US)
    return replace(link, inbound=inbound, outbound=outbound)


def _last_sign(peer: Peer) -> int:
    heard = [link.heard_us for link in peer.links.values() if link.heard_us is not None]
    relayed = [peer.relayed_us + PERIOD_US] if peer.relayed_us is not None else []
    return max([*heard, *relayed], default=0)


def _timeout_us(peer: Peer) -> int:
    working = [link.timeout_us for link in peer.links.values() if not link.inbound.is_down]
    return min(working, default=BASE_US)
