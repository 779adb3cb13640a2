"""A small world of cameras, networks and nodes, which knows the true time of every picture."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from tandem.media.rtp.clock import CaptureClock

T0_US = 1_790_000_000_000_000
S = 1_000_000
MS = 1_000
HZ = 90_000


@dataclass
class Camera:
    """A camera; times are microseconds since the beginning, as a perfect clock counts them."""

    frame_us: int = 40 * MS
    rtp_ppm: int = 0
    delay_us: int = 60 * MS
    clock_error_us: Callable[[int], int] | None = lambda _: 0  # None: sends no reports
    report_every_us: int = 5 * S
    first_report_us: int = 500 * MS
    report_error_ticks: Callable[[int], int] = lambda _: 0
    report_noise_us: int = 0
    rtp_extra_ticks: Callable[[int], int] = lambda _: 0
    cached_us: int = 0  # age of the pictures it sends first, at once
    silent_us: tuple[int, int] = (0, 0)  # when it takes no pictures


@dataclass
class Node:
    """A recorder and the network in front of it."""

    seed: int
    network_us: int = 2 * MS
    jitter_us: int = 80 * MS
    stalls: tuple[tuple[int, int], ...] = ()
    utc_error_us: Callable[[int], int] = lambda _: 0
    starts_us: int = 0
    burst_speed: int = 0  # how many seconds of old pictures arrive in one; 0: all at once


@dataclass
class Recording:
    """True and found capture times of all pictures, in microseconds since the beginning."""

    clock: CaptureClock
    times: list[tuple[int, int]] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)

    def error_at(self, true_us: int) -> int:
        return next(found - true for true, found in self.times if true >= true_us)

    def worst(self, begin_us: int, end_us: int = 10**15) -> int:
        return max(abs(found - true) for true, found in self.times if begin_us <= true < end_us)

    def goes_back(self) -> bool:
        return any(later[1] <= earlier[1] for earlier, later in pairwise(self.times))

    def worst_spacing_us(self) -> int:
        """The worst error of the time between two pictures that follow each other."""
        return max(
            abs((later[1] - earlier[1]) - (later[0] - earlier[0]))
            for earlier, later in pairwise(self.times)
        )


def record(camera: Camera, node: Node, seconds: int) -> Recording:
    """Let a node record a camera, closing a fragment every 2 s once the clock has settled."""
    recording = Recording(CaptureClock(HZ))
    connect(recording, camera, node, seconds)
    return recording


def connect(recording: Recording, camera: Camera, node: Node, seconds: int) -> None:
    """One connection, whether the first or another one."""
    chance = random.Random(node.seed)
    clock = recording.clock
    fragment: list[tuple[int, int]] = []
    held: list[tuple[int, int]] = []

    def close(next_rtp: int | None) -> None:
        recording.times.extend((true, clock.capture_us(rtp) - T0_US) for true, rtp in fragment)
        if next_rtp is not None and fragment:
            recording.steps.append(clock.advance(next_rtp))
        fragment.clear()

    def release() -> None:
        for true, rtp in held:
            if fragment and true - fragment[0][0] >= 2 * S:
                close(rtp)
            fragment.append((true, rtp))
        held.clear()

    clock.restart()
    for arrival, true, rtp, report_us in _arrivals(camera, node, seconds, chance):
        boot = 77 * S + arrival
        utc = T0_US + arrival + node.utc_error_us(arrival)
        if report_us is not None:
            clock.sender_report(rtp & 0xFFFF_FFFF, report_us, boot, utc)
            continue
        if clock.observe(rtp, boot, utc):
            release()
            close(None)
            clock.restart()
        held.append((true, rtp))
        if clock.is_settled(boot):
            release()
    release()
    close(None)


def _arrivals(
    camera: Camera, node: Node, seconds: int, chance: random.Random
) -> list[tuple[int, int, int, int | None]]:
    """(arrival, true time, RTP time, camera's clock if it is a report), as TCP delivers them."""
    offset = (1 << 32) + chance.getrandbits(32)

    def rtp_at(true: int) -> int:
        return offset + true * (S + camera.rtp_ppm) * HZ // (S * S) + camera.rtp_extra_ticks(true)

    first = -(-(node.starts_us - camera.cached_us) // camera.frame_us) * camera.frame_us

    def arrives_at(true: int) -> int:
        on_its_way = (true - first) // node.burst_speed if node.burst_speed else 0
        return max(true + camera.delay_us, node.starts_us + on_its_way)

    sent: list[tuple[int, int, int, int | None]] = [
        (arrives_at(true), true, rtp_at(true), None)
        for true in range(first, node.starts_us + seconds * S, camera.frame_us)
        if not camera.silent_us[0] <= true < camera.silent_us[1]
    ]
    if camera.clock_error_us is not None:
        begin = node.starts_us + camera.first_report_us
        for n, true in enumerate(
            range(begin, node.starts_us + seconds * S, camera.report_every_us)
        ):
            noise = chance.randint(-camera.report_noise_us, camera.report_noise_us)
            clock = T0_US + true + camera.clock_error_us(true) + noise
            at = max(true, node.starts_us)
            sent.append((at, true, rtp_at(true) + camera.report_error_ticks(n), clock))
    arrivals = []
    latest = 0
    for at, true, rtp, clock_us in sorted(sent, key=lambda item: item[0]):
        arrival = at + node.network_us + chance.randint(0, node.jitter_us)
        for begin, end in node.stalls:
            if begin <= arrival < end:
                arrival = end
        latest = max(latest, arrival)
        arrivals.append((latest, true, rtp, clock_us))
    return arrivals
