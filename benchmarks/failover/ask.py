"""Asks for pages, and who has their addresses.

    python -I -S ask.py FILE NAME=IP:PORT ... -- MAC=NODE ...

Every 5 ms a new connection and a GET for each page; one that is not answered within 0.3 s is given
up, before TCP would try again. Lines in FILE: `NAME page INSTANT NODE`, the node as the page says.

Every 10 ms an ARP request for each address to each node alone, from an address that nobody has:
whoever has the address answers, also if the asker's own traffic goes elsewhere, and the asker's own
table learns nothing by it. Lines: `NAME arp INSTANT NODE`. Instants are CLOCK_BOOTTIME, in seconds.
"""

import errno
import os
import select
import socket
import struct
import sys
import time
from collections import deque

EACH_S, ARP_EACH, GIVE_UP_S = 0.005, 2, 0.3
INTERFACE = "users"
OWN_MAC, OWN_IP = bytes.fromhex("027a000004fb"), socket.inet_aton("10.77.4.251")
REPLY = 2
GET = b"GET / HTTP/1.0\r\n\r\n"
AT_ONCE = struct.pack("ii", 1, 0)
TO_ALL = struct.pack("iHH8s", socket.if_nametoindex(INTERFACE), 1, 0, b"")  # PACKET_MR_PROMISC


def now_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Asker:
    def __init__(
        self, file: str, pages: dict[str, tuple[str, int]], nodes: dict[bytes, str]
    ) -> None:
        self.out = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self.pages, self.nodes = pages, nodes
        self.names = {socket.inet_aton(ip): name for name, (ip, _) in reversed(pages.items())}
        self.poll = select.epoll()
        self.asked: dict[int, tuple[socket.socket, str]] = {}
        self.order: deque[tuple[float, int, socket.socket]] = deque()
        self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        self.wire.bind((INTERFACE, 0x0806))
        self.wire.setsockopt(263, 1, TO_ALL)  # SOL_PACKET, PACKET_ADD_MEMBERSHIP
        self.wire.setblocking(False)
        self.poll.register(self.wire, select.EPOLLIN)

    def tell(self, name: str, how: str, who: str) -> None:
        os.write(self.out, f"{name} {how} {now_s():.6f} {who}\n".encode())

    def ask(self) -> None:
        for name, place in self.pages.items():
            one = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            if one.connect_ex(place) != errno.EINPROGRESS:
                one.close()
                continue
            self.asked[one.fileno()] = one, name
            self.order.append((now_s(), one.fileno(), one))
            self.poll.register(one, select.EPOLLOUT)

    def ask_for_owners(self) -> None:
        for ip in self.names:
            for mac in self.nodes:
                head = mac + OWN_MAC + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1)
                try:
                    self.wire.send(head + OWN_MAC + OWN_IP + bytes(6) + ip)
                except OSError:
                    continue

    def forget(self, number: int) -> None:
        one, _ = self.asked.pop(number)
        one.close()

    def give_up(self) -> None:
        while self.order and self.order[0][0] < now_s() - GIVE_UP_S:
            _, number, one = self.order.popleft()
            if number in self.asked and self.asked[number][0] is one:
                self.forget(number)

    def hear(self, number: int, events: int) -> None:
        if number == self.wire.fileno():
            self.hear_owner()
            return
        one, name = self.asked[number]
        try:
            if events & select.EPOLLOUT:
                one.send(GET)
                self.poll.modify(number, select.EPOLLIN)
                return
            page = one.recv(512)
        except OSError:
            page = b""
        self.forget(number)
        if page.startswith(b"HTTP/1.0 200"):
            self.tell(name, "page", page.rpartition(b"\n")[2].decode())

    def hear_owner(self) -> None:
        try:
            frame = self.wire.recv(128)
        except OSError:
            return
        mac, ip = frame[22:28], frame[28:32]
        if frame[20:22] == struct.pack("!H", REPLY) and frame[:6] == OWN_MAC and ip in self.names:
            self.tell(self.names[ip], "arp", self.nodes.get(mac, mac.hex()))

    def run(self) -> None:
        due, number = time.monotonic(), 0
        while True:
            self.give_up()
            self.ask()
            if number % ARP_EACH == 0:
                self.ask_for_owners()
            number, due = number + 1, max(due + EACH_S, time.monotonic())
            while (left := due - time.monotonic()) > 0:
                for which, events in self.poll.poll(left):
                    if which == self.wire.fileno() or which in self.asked:
                        self.hear(which, events)


def main() -> None:
    file, *rest = sys.argv[1:]
    at = rest.index("--")
    pages = {}
    for word in rest[:at]:
        name, _, place = word.partition("=")
        ip, _, port = place.partition(":")
        pages[name] = ip, int(port)
    nodes = {
        bytes.fromhex(mac.replace(":", "")): node
        for mac, _, node in (word.partition("=") for word in rest[at + 1 :])
    }
    Asker(file, pages, nodes).run()


if __name__ == "__main__":
    main()
