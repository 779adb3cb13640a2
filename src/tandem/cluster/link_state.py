"""One peer over one link: what its beats say about the way here, and its words about the way back.

gap deviation   d += (|gap - period| - d) / 4        RFC 6298 section 2, beta
timeout         min(400 ms + 4 d, 2 s)               RFC 6298's four deviations on top of the base
"""

from dataclasses import dataclass, field, replace
from typing import Final

from tandem.cluster.heartbeat import Heartbeat
from tandem.cluster.link_quality import Quality, with_arrival, with_round_trip
from tandem.cluster.settling import Verdict

PERIOD_US: Final = 100_000
"""How often a node sends to each peer on each link."""

BASE_US: Final = 400_000
"""Silence that suspects a steady peer: three beats may be lost in a row, which at 1 % loss is one
in a million. Less would suspect on a garbage collection, more would lose more of `failover`."""

MOST_US: Final = 2_000_000
"""The longest timeout: a peer whose beats vary more than this is as good as gone."""


@dataclass(frozen=True, slots=True)
class LinkState:
    """What is known of one peer over one link. Times are this node's CLOCK_BOOTTIME.

    Attributes:
        heard_us: when its last beat came over this link; None: never.
        started_us: of the process that sent that beat, as it said.
        counter: of that beat, as it said.
        echo_us: when that beat was sent, by the peer's clock; what is echoed to it.
        deviation_us: by how much the gaps between its beats deviate from the period.
        quality: its loss and its round trip.
        arrived_us: when the peer last heard this node over this link, by its own word.
        inbound: whether its beats come here.
        outbound: whether beats from here reach it.
    """

    heard_us: int | None = None
    started_us: int = 0
    counter: int = 0
    echo_us: int = 0
    deviation_us: int = 0
    quality: Quality = field(default_factory=Quality)
    arrived_us: int | None = None
    inbound: Verdict = field(default_factory=Verdict)
    outbound: Verdict = field(default_factory=Verdict)

    @property
    def timeout_us(self) -> int:
        """Silence on this link that means it is down."""
        return min(BASE_US + 4 * self.deviation_us, MOST_US)


def is_new(link: LinkState, beat: Heartbeat) -> bool:
    """Whether a beat is later than all before; one that was recorded and sent again is not.

    The order is per link, since a link may be slower than another. `started_us` tells apart the
    processes of a peer, whose counters begin anew.
    """
    return (beat.started_us, beat.counter) > (link.started_us, link.counter)


def hear(link: LinkState, beat: Heartbeat, now_us: int) -> LinkState:
    """Take in a beat that `is_new`."""
    same_process = beat.started_us == link.started_us
    return replace(
        link,
        heard_us=now_us,
        started_us=beat.started_us,
        counter=beat.counter,
        echo_us=beat.sent_us,
        deviation_us=_deviation(link, now_us) if same_process else 0,
        quality=_quality(
            link.quality, beat, beat.counter - link.counter - 1 if same_process else 0, now_us
        ),
    )


def _deviation(link: LinkState, now_us: int) -> int:
    """An outage is no variation: it counts as what would just have been borne."""
    if link.heard_us is None:
        return 0
    gap_us = min(now_us - link.heard_us, BASE_US)
    return link.deviation_us + (abs(gap_us - PERIOD_US) - link.deviation_us) // 4


def _quality(quality: Quality, beat: Heartbeat, missing: int, now_us: int) -> Quality:
    quality = replace(with_arrival(quality, missing), loss_there=beat.loss)
    round_trip_us = now_us - beat.echo_sent_us - beat.echo_held_us
    if not beat.echo_sent_us or round_trip_us < 0:  # an echo from before this machine's boot
        return quality
    return with_round_trip(quality, round_trip_us)
