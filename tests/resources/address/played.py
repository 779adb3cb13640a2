"""A holder without a kernel, in a time that jumps."""

from ipaddress import IPv4Address

import pytest

from tandem.cluster.exclusive.values import Token
from tandem.resources.address.events import Add, Added, Begin, Effect, Event, Tick
from tandem.resources.address.holding import Phase, State, step, wake_us
from tandem.resources.address.neighbours import Claim
from tandem.resources.address.netlink import Link
from tandem.resources.address.timing import PROBE_US

IP = IPv4Address("10.7.0.100")
ETH0 = Link(2, "eth0", 1, True, True, bytes(6))
TOKEN = Token(1, 5)
RIVAL = Claim(bytes.fromhex("020000000002"), is_probe=False)
T0 = 1_000_000
LONG_US = 60_000_000


class Played:
    """A holder whose kernel does at once what it is told, in a time that jumps."""

    def __init__(self) -> None:
        self.now_us = T0
        self.state = State(IP)
        self.done: list[tuple[int, Effect]] = []
        self.kernel_answer: Event = Added()

    def take(self, event: Event) -> list[Effect]:
        todo, seen = [event], []
        while todo:
            self.state, effects = step(self.state, todo.pop(0), self.now_us)
            for effect in effects:
                seen.append(effect)
                self.done.append((self.now_us, effect))
                if isinstance(effect, Add):
                    todo.append(self.kernel_answer)
        return seen

    def until(self, end_us: int) -> None:
        for _ in range(10_000):
            wake = wake_us(self.state)
            if wake is None or wake > end_us:
                self.now_us = end_us
                return
            self.now_us = max(wake, self.now_us)
            self.take(Tick())
        pytest.fail("it never rests")

    def times_of(self, kind: type[Effect]) -> list[int]:
        return [at_us - T0 for at_us, effect in self.done if isinstance(effect, kind)]


def begin(until_us: int = T0 + LONG_US, by_us: int = T0 + LONG_US, token: Token = TOKEN) -> Begin:
    return Begin(token, until_us, by_us, ETH0)


def held(until_us: int = T0 + LONG_US) -> Played:
    played = Played()
    played.take(begin(until_us))
    played.until(T0 + PROBE_US)
    assert played.state.phase is Phase.HOLDING
    played.done.clear()
    return played
