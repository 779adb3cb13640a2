"""The holder of one address: a small process that has it, refreshes it and speaks for it.

    python -m tandem.resources.address.holder RESOURCE ADDRESS INTERFACE RUN_DIRECTORY

It stands apart from the agent and the pulse, since the kernel may let any of its calls wait for a
lock, and since it must be able to die: whatever it does late, it is killed before (`guarded`). It
decides nothing: `holding` does. What it is told comes by a socket (`messages`).
"""

import errno
import os
import selectors
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

from tandem.clock import Clock, SystemClock
from tandem.resources.address import events, guarded, holding, messages, neighbours
from tandem.resources.address.belongings import Belongings, take_lock
from tandem.resources.address.errors import FormatError, InterfaceError, KernelError
from tandem.resources.address.health import health
from tandem.resources.address.interface import choose
from tandem.resources.address.netlink import Link
from tandem.resources.address.rtnetlink import Notices, Rtnetlink
from tandem.resources.address.timing import LIFETIME_S
from tandem.resources.address.wire import Wire

_UNTOLD = (KernelError, FormatError)
_BACKLOG = 16
_LOWEST_REAL_TIME = 1
_PACKETS = socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK


class _Source(Protocol):
    """What can be waited for."""

    def fileno(self) -> int: ...


class Holder:
    """Carries out what `holding` orders, and tells it what happens.

    Args:
        belongings: of the address.
        listener: where requests come.
        clock: CLOCK_BOOTTIME.
    """

    def __init__(self, belongings: Belongings, listener: socket.socket, clock: Clock) -> None:
        self._belongings = belongings
        self._ip = belongings.ip
        self._listener = listener
        self._clock = clock
        self._state = holding.State(belongings.ip)
        self._selector = selectors.DefaultSelector()
        self._kernel = Rtnetlink()
        self._notices = Notices()
        self._wire: Wire | None = None
        self._wire_index = 0
        self._name = ""
        self._starters: list[socket.socket] = []
        self._is_orphan = False

    def run(self) -> None:
        """Serve until whoever started this process is gone and nothing is held."""
        self._watch(self._listener, self._accept)
        self._watch(self._notices, self._look)
        self._watch(sys.stdin, self._orphaned)
        while not (self._is_orphan and self._state.phase is holding.Phase.IDLE):
            wake_us = holding.wake_us(self._state)
            rest_s = None
            if wake_us is not None:
                rest_s = max(0.0, (wake_us - self._clock.boot_us()) / 1e6)
            for key, _ in self._selector.select(rest_s):
                key.data()
            self._take(events.Tick())

    def _take(self, event: events.Event) -> None:
        """Tell `holding` what happened, and do what it orders, and what follows from that."""
        todo = [event]
        while todo:
            self._state, effects = holding.step(self._state, todo.pop(0), self._clock.boot_us())
            followed = [self._do(effect) for effect in effects]
            todo += [each for each in followed if each is not None]
        if self._state.phase is holding.Phase.IDLE:
            self._close_wire()

    def _do(self, effect: events.Effect) -> events.Event | None:
        try:
            match effect:
                case events.Probe(link):
                    self._wire_of(link).send(neighbours.probe(link.mac, self._ip))
                case events.Add(link, before_us):
                    return self._add(link, before_us)
                case events.Announce(link, before_us):
                    wire = self._wire_of(link)
                    for frame in neighbours.announcements(link.mac, self._ip):
                        with guarded.before(before_us, self._clock) as is_in_time:
                            if is_in_time:
                                wire.send(frame)
                case events.Remove():
                    self._kernel.remove(self._ip)
                case events.Begun():
                    self._answer_starters("")
                case events.Refused(why):
                    self._answer_starters(why)
        except _UNTOLD as error:
            return events.Failed(str(error))
        return None

    def _add(self, link: Link, before_us: int) -> events.Event:
        with guarded.before(before_us, self._clock) as is_in_time:
            if not is_in_time:
                return events.Failed("It could not be added in time.")
            try:
                self._kernel.add(link.index, self._ip, LIFETIME_S)
            except KernelError as error:
                if error.number in {errno.ENODEV, errno.ENXIO}:
                    return events.LinkIs(None)
                raise
        return events.Added()

    def _look(self) -> None:
        """Something about the network changed: look what."""
        self._notices.drain()
        if self._state.phase is holding.Phase.IDLE:
            return
        try:
            links = [each for each in self._kernel.links() if each.name == self._name]
            held_on = [each.index for each in self._kernel.holding(self._ip)]
        except _UNTOLD as error:
            self._take(events.Failed(str(error)))
            return
        found = links[0] if links else None
        if found != self._state.link:
            self._take(events.LinkIs(found))
        is_held = found is not None and found.index in held_on
        if found and not is_held and self._state.phase is holding.Phase.HOLDING:
            self._take(events.Removed())

    def _hold(self, request: messages.Hold, asker: socket.socket) -> None:
        earlier, self._starters = self._starters, [asker]  # what is said at once is for this one
        self._begin(request)
        self._starters += earlier

    def _begin(self, request: messages.Hold) -> None:
        link = self._state.link
        try:
            if self._state.phase is holding.Phase.IDLE:
                link = self._chosen()
        except (InterfaceError, *_UNTOLD) as error:
            self._answer_starters(str(error))
            return
        if link is None:
            self._answer_starters("Its interface is gone.")
            return
        self._take(events.Begin(request.token, request.until_us, request.by_us, link))

    def _chosen(self) -> Link:
        """The interface that the address belongs on, if this node does not have the address.

        Raises:
            InterfaceError: there is none, or the node has the address.
            KernelError: the kernel did not tell.
        """
        links, addresses = self._kernel.links(), self._kernel.addresses()
        for held in addresses:
            if held.ip == self._ip:
                name = next((each.name for each in links if each.index == held.index), "?")
                raise InterfaceError(
                    f"This node already has it, on {name}, and not from Tandem. Stop the resource, "
                    f"which removes it: and find out who adds it."
                )
        chosen = choose(self._ip, self._belongings.interface, links, addresses)
        self._name = chosen.name
        return chosen

    def _accept(self) -> None:
        try:
            asker, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # who asked did not wait
        asker.setblocking(False)
        self._watch(asker, lambda: self._serve(asker))

    def _serve(self, asker: socket.socket) -> None:
        if asker.fileno() < 0:
            return  # forgotten since it was seen to have something to say
        try:
            packet = asker.recv(messages.LONGEST_BYTES)
        except BlockingIOError:
            return
        except ConnectionError:
            packet = b""
        if not packet:
            self._forget(asker)
            return
        try:
            request = messages.decode(packet)
        except FormatError as error:
            self._answer(asker, str(error))
            return
        match request:
            case messages.Hold():
                self._hold(request, asker)
            case messages.Extend(until_us):
                self._take(events.Extend(until_us))
            case messages.Drop():
                self._answer(asker, self._dropped())
            case messages.Tell():
                self._look()  # what was noticed may not be taken in yet
                self._answer(asker, "")

    def _dropped(self) -> str:
        """Let go of the address; what is wrong, or nothing."""
        self._take(events.Drop())
        try:
            held = self._kernel.holding(self._ip)
        except _UNTOLD as error:
            return str(error)
        return f"The address {self._ip} is still here." if held else ""

    def _answer_starters(self, why: str) -> None:
        starters, self._starters = self._starters, []
        for asker in starters:
            self._answer(asker, why)

    def _answer(self, asker: socket.socket, why: str) -> None:
        is_well, said = health(self._state, self._clock.boot_us())
        answer = messages.Answer(self._belongings.definition, why, self._state.token, is_well, said)
        try:
            asker.send(messages.encode_answer(answer))
        except (BlockingIOError, ConnectionError):
            self._forget(asker)  # it asked, and did not wait

    def _forget(self, asker: socket.socket) -> None:
        if asker.fileno() >= 0:
            self._selector.unregister(asker)
        asker.close()
        if asker in self._starters:
            self._starters.remove(asker)

    def _heard(self) -> None:
        link = self._state.link
        for frame in self._wire.receive() if self._wire else ():
            if link and (claim := neighbours.claim(frame, self._ip, link.mac)):
                self._take(events.Heard(claim))

    def _orphaned(self) -> None:
        if not os.read(sys.stdin.fileno(), 1):
            self._selector.unregister(sys.stdin)
            self._is_orphan = True

    def _wire_of(self, link: Link) -> Wire:
        if self._wire is None or self._wire_index != link.index:
            self._close_wire()
            self._wire, self._wire_index = Wire(link, self._ip), link.index
            self._watch(self._wire, self._heard)
        return self._wire

    def _close_wire(self) -> None:
        if self._wire is not None:
            self._selector.unregister(self._wire)
            self._wire.close()
            self._wire = None

    def _watch(self, source: _Source, whenever: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, whenever)


def _go_first() -> None:
    """Let no busy program hold up a refresh, where the system allows that."""
    with suppress(PermissionError):
        first = os.SCHED_RR | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, first, os.sched_param(_LOWEST_REAL_TIME))


def main(arguments: list[str]) -> int:
    """Be the holder of an address.

    Args:
        arguments: resource, address, interface (empty: by its subnet), run directory.

    Returns:
        Exit status.
    """
    resource_id, address, interface, directory = arguments
    belongings = Belongings(resource_id, ip_address(address), interface or None, Path(directory))
    if os.fork():
        # Whoever started this has no child to wait for, and the holder outlives it.
        return 0
    guarded.prepare()
    _go_first()
    os.chdir(belongings.directory)  # a path to a Unix socket must be short
    if take_lock(belongings) is None:
        return 1
    Path(belongings.socket_name).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, _PACKETS) as listener:
        listener.bind(belongings.socket_name)
        listener.listen(_BACKLOG)
        os.write(sys.stdout.fileno(), messages.READY)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        Holder(belongings, listener, SystemClock()).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
