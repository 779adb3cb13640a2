"""A network with hosts, and nodes on them."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from tests.resources.address.hosts import Lan, Namespace

from tandem.clock import SystemClock
from tandem.resources.address.asking import reachable
from tandem.resources.address.belongings import Belongings, holder_pid

CLOCK = SystemClock()
LONG_S = 600
PATIENCE_S = 60
PAUSE_S = 0.01


def wait_until(condition: Callable[[], bool], what: str) -> None:
    end_us = CLOCK.boot_us() + PATIENCE_S * 1_000_000
    while not condition():
        assert CLOCK.boot_us() < end_us, f"never: {what}"
        time.sleep(PAUSE_S)


class CallFailedError(Exception):
    """A call failed: the name of its error, and the sentence."""


class RemoteNode:
    """The agent's and the pulse's hold of one address, on a host (`node`)."""

    def __init__(self, host: Namespace, run_directory: Path, **options: object) -> None:
        self.host = host
        self.options = options
        self._run_directory = run_directory
        self._begin()

    def _begin(self) -> None:
        arguments = (str(self._run_directory), json.dumps(self.options))
        self._process = self.host.python("-m", "tests.resources.address.node", *arguments)

    def do(self, call: str, *arguments: object) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([call, *arguments]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise CallFailedError(f"{answer['error']}: {answer['said']}")
        return answer["result"]

    def has_it(self) -> bool:
        return self.host.has(str(self.options["address"]))

    def holder(self) -> int:
        """The process number of its holder."""
        ip = ip_address(str(self.options["address"]))
        pid = holder_pid(Belongings("web", ip, None, self._run_directory))
        assert pid is not None
        return pid

    @contextmanager
    def asking(self) -> Iterator[socket.socket]:
        """A connection to its holder."""
        ip = ip_address(str(self.options["address"]))
        mine = Belongings("web", ip, None, self._run_directory)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
            with reachable(mine) as path:
                asking.connect(path)
            yield asking

    def kill_agent(self) -> None:
        """Both the agent and the pulse; the holder is left to itself."""
        self._process.kill()
        self._close()

    def begin_anew(self) -> None:
        self._begin()

    def close(self) -> None:
        assert self._process.stdin
        if not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(PATIENCE_S)
        finally:
            self._close()

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream and not stream.closed:
                stream.close()
        self._process.wait(PATIENCE_S)


def started(node: RemoteNode, revision: int = 5, entitled_s: float = LONG_S) -> RemoteNode:
    node.do("probe")
    node.do("start", revision, entitled_s)
    assert node.has_it()
    return node


def started_briefly(node: RemoteNode, revision: int = 5) -> int:
    """Start it for as short a time as this machine, busy as it is, allows; until when."""
    entitled_s = 3.0
    while True:
        try:
            started(node, revision, entitled_s)
        except (CallFailedError, AssertionError):
            assert entitled_s < LONG_S
            node.do("stop")
            entitled_s *= 2
        else:
            return CLOCK.boot_us() + round(entitled_s * 1e6)


@pytest.fixture
def lan() -> Iterator[Lan]:
    lan = Lan()
    yield lan
    lan.close()


@pytest.fixture
def node_on(tmp_path: Path) -> Iterator[Callable[..., RemoteNode]]:
    nodes: list[RemoteNode] = []

    def make(host: Namespace, **options: object) -> RemoteNode:
        directory = tmp_path / f"node{len(nodes)}"
        node = RemoteNode(host, directory, **options)
        nodes.append(node)
        return node

    yield make
    for node in nodes:
        try:
            pid = node.holder()
            os.kill(pid, signal.SIGKILL)
        except (AssertionError, ProcessLookupError):
            pass
        node.close()
