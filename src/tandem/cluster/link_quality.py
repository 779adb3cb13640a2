"""How good one link to one peer is, by its heartbeats of the last seconds: loss and round trip.

round trip   r += ((now - echo sent - echo held) - r) / n       n: measurements so far, at most 100
usual        u += (min(that, 2 u) - u) / n                      n at most 36,000
loss         p += (1 - p) / 100 for each beat that is missing, p -= p / 100 for each that came

A node sends ten beats a second to each peer on each link, so 100 of them are ten seconds, and
36,000 an hour. With an exponentially weighted mean a fault shows within a second, and is forgotten
within a minute. The usual round trip takes in no more than twice itself at a time, so that a link
that has become slow is not usual before an hour has passed.

Loss is counted where beats arrive, so it is of one direction; of the other the peer tells, in each
beat. A round trip is of both together: with clocks of two machines nothing else can be said.
"""

from dataclasses import dataclass, replace
from typing import Final

BEATS: Final = 100
"""Over how many the figures are: about ten seconds."""

USUAL_BEATS: Final = 36_000
"""An hour."""

LOSSES_COUNTED: Final = 64
"""A longer gap in the counters is an outage, and makes the loss no more certain."""


@dataclass(frozen=True, slots=True)
class Quality:
    """Of one link to one peer.

    Attributes:
        round_trip_us: there and back; None: not measured yet.
        usual_us: what that usually is.
        measured: how often it was, `USUAL_BEATS` at most.
        loss: the part of the peer's beats that do not arrive here.
        loss_there: the part of this node's that do not arrive at the peer, by its word; None: it
            has not said.
    """

    round_trip_us: float | None = None
    usual_us: float | None = None
    measured: int = 0
    loss: float = 0.0
    loss_there: float | None = None


def with_round_trip(quality: Quality, round_trip_us: int) -> Quality:
    """Take in one measurement, in microseconds."""
    measured = min(quality.measured + 1, USUAL_BEATS)
    mean_us, usual_us = quality.round_trip_us, quality.usual_us
    if mean_us is None or usual_us is None:
        return replace(
            quality, round_trip_us=round_trip_us, usual_us=round_trip_us, measured=measured
        )
    return replace(
        quality,
        round_trip_us=mean_us + (round_trip_us - mean_us) / min(measured, BEATS),
        usual_us=usual_us + (min(round_trip_us, 2 * usual_us) - usual_us) / measured,
        measured=measured,
    )


def with_arrival(quality: Quality, missing: int) -> Quality:
    """Take in that a beat has come, and how many before it have not."""
    kept = 1 - 1 / BEATS
    not_lost = (1 - quality.loss) * kept ** min(missing, LOSSES_COUNTED)
    return replace(quality, loss=(1 - not_lost) * kept)
