"""Programs that talk to each other on the hosts of a lab."""

import subprocess
import sys
from pathlib import Path
from typing import IO, Self

from tandem.lab.hosts import Host
from tandem.lab.hosts.commands import wait_until

_HEARD = Path("/run/heard")
_PORT = 7000

_LISTENER = f"""
import socket
ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ear.bind(("0.0.0.0", {_PORT}))
print("listening", flush=True)
while True:
    print(ear.recv(100).decode(), flush=True)
"""
_SPEAKER = f"""
import socket, sys
mouth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
mouth.sendto(sys.argv[2].encode(), (sys.argv[1], {_PORT}))
"""
_SERVER = f"""
import selectors, socket
door = socket.create_server(("0.0.0.0", {_PORT}))
ready = selectors.DefaultSelector()
ready.register(door, selectors.EVENT_READ)
print("listening", flush=True)
while True:
    for key, _ in ready.select():
        if key.fileobj is door:
            ready.register(door.accept()[0], selectors.EVENT_READ)
        elif said := key.fileobj.recv(100):
            key.fileobj.sendall(said)
        else:
            ready.unregister(key.fileobj)
"""
_CLIENT = f"""
import socket, sys
line = socket.create_connection((sys.argv[1], {_PORT}), 60)
line.settimeout(0.3)
print("connected", flush=True)
for said in sys.stdin:
    try:
        if said.strip():
            line.sendall(said.encode())
        print(line.recv(100).decode().strip() or "end of file", flush=True)
    except OSError as error:
        print(type(error).__name__, flush=True)
"""


class Listener:
    """Writes down the datagrams that reach a host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        host.spawn([sys.executable, "-c", _LISTENER], _HEARD)
        self.wait_for("listening")

    def heard(self) -> list[str]:
        return self._host.outside(_HEARD).read_text().split()

    def wait_for(self, word: str) -> None:
        wait_until(lambda: word in self.heard(), f"{self._host.name} does not hear {word!r}.")


def say(host: Host, address: object, word: str) -> None:
    host.run([sys.executable, "-c", _SPEAKER, str(address), word])


def greet(one: Host, other: Host, link: str) -> None:
    """Let both learn where the other is, so that a cut of one way is no cut of both by ARP."""
    for here, there in ((one, other), (other, one)):
        say(here, there.address(link), "greeting")


def serve(host: Host) -> None:
    """Answer each line of each connection with itself."""
    host.spawn([sys.executable, "-c", _SERVER], "/run/server")
    log = host.outside("/run/server")
    wait_until(lambda: "listening" in log.read_text(), "The server does not listen.")


class Client:
    """A TCP connection from one host to another. Used in a `with` statement."""

    def __init__(self, host: Host, server: object) -> None:
        self._running = program(host, _CLIENT, str(server))
        assert self.read() == "connected"

    def ask(self, word: str) -> str:
        """What comes back: the word, "TimeoutError", "ConnectionResetError" or "end of file"."""
        stdin = _open(self._running.stdin)
        stdin.write(f"{word}\n")
        stdin.flush()
        return self.read()

    def answer(self, word: str) -> str:
        """What comes back to a word, however long that takes."""
        said = [self.ask(word)]
        while said[-1] == "TimeoutError":
            said.append(self.read_again())
        return said[-1]

    def read_again(self) -> str:
        """What comes back late, for what was asked before."""
        return self.ask("")

    def read(self) -> str:
        return _open(self._running.stdout).readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._running.communicate(timeout=60)


def program(host: Host, code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        host.command([sys.executable, "-c", code, *arguments]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _open(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
