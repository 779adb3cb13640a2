"""Real etcd processes on loopback, to be frozen and killed; clusters with TLS."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tandem.clock import SystemClock
from tandem.node.authority import Authority, Credentials, create_authority, create_key, public_key
from tandem.node.etcd.options import Member, MemberSettings, Origin, arguments
from tandem.node.secret_file import write_secret
from tandem.node.store.endpoint import Endpoint

ETCD = Path(__file__).parents[3] / ".tools" / "bin" / "etcd"
PATIENCE_S = 60.0


class EtcdProcess:
    """One etcd, started at once."""

    def __init__(self, directory: Path, options: list[str]) -> None:
        self.directory = directory
        self.options = options
        self.start()

    def start(self) -> None:
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [ETCD, *self.options], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)
        stat = Path(f"/proc/{self.process.pid}/stat")
        wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T")

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def waits_to_be_read(port: int) -> bool:
    """Whether a connection to a port has brought what nobody has read yet."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(
        int(local.partition(":")[2], 16) == port and int(queues.partition(":")[2], 16) > 0
        for _, local, _, state, queues, *_ in rows
        if state == "01"  # established: of a socket that listens this counts connections
    )


def wait_until(condition: Any, patience_s: float = PATIENCE_S) -> None:
    """Poll a condition; what it raises counts as not yet, until patience ends."""
    ends = time.monotonic() + patience_s
    while True:
        try:
            if condition():
                return
        except OSError:
            if time.monotonic() > ends:
                raise
        assert time.monotonic() < ends, "waited in vain"
        pause = 0.02
        time.sleep(pause)


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind((address, 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class SingleEtcd:
    """One member without TLS: what the semantics are compared with."""

    def __init__(self, directory: Path, *options: str) -> None:
        client, peer = free_ports(2)
        self.url = f"http://127.0.0.1:{client}"
        self.endpoint = Endpoint(self.url, "n1")
        peers = f"http://127.0.0.1:{peer}"
        self.process = EtcdProcess(
            directory,
            [
                f"--data-dir={directory / 'data'}",
                f"--listen-client-urls={self.url}",
                f"--advertise-client-urls={self.url}",
                f"--listen-peer-urls={peers}",
                f"--initial-advertise-peer-urls={peers}",
                f"--initial-cluster=default={peers}",
                *options,
            ],
        )
        wait_until(lambda: self.post("/v3/maintenance/status", {}))

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask it anything, by other means than the client under test."""
        request = urllib.request.Request(self.url + path, json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=30) as response:
            answer: dict[str, Any] = json.load(response)
        return answer


@contextmanager
def single_etcd(directory: Path, *options: str) -> Iterator[SingleEtcd]:
    etcd = SingleEtcd(directory, *options)
    try:
        yield etcd
    finally:
        etcd.process.kill()


class TlsCluster:
    """Three members as Tandem runs them, with its own authority and client certificates."""

    NODES = ("n1", "n2", "n3")

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        clock = SystemClock()
        self.authority = create_authority("conformance", clock)
        self.ca = directory / "ca.pem"
        self.ca.write_bytes(self.authority.certificate)
        ports = free_ports(6)
        self.members = tuple(
            Member(node, ("127.0.0.1",), *ports[2 * number : 2 * number + 2])
            for number, node in enumerate(self.NODES)
        )
        self.endpoints = [Endpoint(member.client_urls[0], member.node) for member in self.members]
        self.processes = {member.node: self._started(member) for member in self.members}

    def credentials(self, node: str, authority: Credentials | None = None) -> Path:
        """A file with key and certificate for a node, by the cluster's authority or another."""
        key = create_key()
        signer = Authority(authority or self.authority)
        signed = signer.issue(node, ("127.0.0.1",), public_key(key), SystemClock())
        path = self.directory / f"{node}{'-foreign' if authority else ''}.pem"
        write_secret(path, Credentials(key, signed).pem)
        return path

    def _started(self, member: Member) -> EtcdProcess:
        directory = self.directory / member.node
        directory.mkdir()
        settings = MemberSettings(
            member=member,
            members=self.members,
            cluster="conformance",
            origin=Origin.NEW,
            data=directory / "data",
            log=directory / "log",
            authority=self.ca,
            credentials=self.credentials(member.node),
        )
        return EtcdProcess(directory, arguments(settings, lambda _address: True))


@contextmanager
def tls_cluster(directory: Path) -> Iterator[TlsCluster]:
    cluster = TlsCluster(directory)
    try:
        yield cluster
    finally:
        for process in cluster.processes.values():
            process.kill()
