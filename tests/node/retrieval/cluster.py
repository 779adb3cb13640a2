"""Archivists of a cluster on loopback, in a thread, for blocking code that asks them."""

import asyncio
import itertools
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from uuid import UUID

from tests.archive.export.material import MemorySource
from tests.archive.material import CLUSTER, NO_FLOOR, create
from tests.node.archivist.material import FAST, Known, SetClock, SetView, film
from tests.node.test_tls import Files

from tandem.archive.archive import Archive
from tandem.archive.layout import segment_path
from tandem.archive.mount import Mounted, mount
from tandem.archive.rows import Closing, Gap, GapCause, Progress, Role, Segment, State
from tandem.archive.segment_file import SegmentFile
from tandem.node.archivist.archivist import Settings, open_archivist
from tandem.node.archivist.view import ARCHIVIST_PORT, Address
from tandem.node.home import Home
from tandem.node.settings import NodeSettings, read_settings

_number = itertools.count(os.getpid() * 64)


def free_host() -> str:
    """An address of loopback that no other test of this machine has now."""
    number = next(_number)
    return f"127.{64 + (number >> 14 & 127)}.{number >> 6 & 255}.{1 + number % 64}"


@dataclass
class Node:
    """One node: its volume, its settings, and the links of its archivist."""

    name: str
    mounted: Mounted
    hosts: list[str]
    settings_path: Path
    running: ExitStack = field(default_factory=ExitStack)
    start: Callable[[], None] = field(default=lambda: None, repr=False)

    @property
    def settings(self) -> NodeSettings:
        return read_settings(self.settings_path)

    def film(self, role: Role = Role.PRIMARY, **scene: object) -> Segment:
        return film(self.mounted, role, **scene)  # type: ignore[arg-type]

    def note(self, from_us: int, to_us: int, cause: GapCause, detail: str = "") -> None:
        self.mounted.index.sync_round(gaps=[Gap("gate", "main", from_us, to_us, cause, detail)])

    def keep(self, recorded: MemorySource) -> None:
        """Lay what was recorded in memory down on the volume."""
        keep(self.mounted, recorded)

    def stop(self) -> None:
        """Its archivist answers no more, on any link."""
        self.running.close()


def keep(mounted: Mounted, recorded: MemorySource) -> None:
    """Lay what was recorded in memory down on a volume, as a recorder does."""
    for row in recorded.rows:
        path = segment_path(row.camera_id, row.stream, row.start_us, row.segment_id)
        mounted.index.begin(
            replace(
                row,
                path=path,
                durable_bytes=0,
                hash=None,
                end_us=row.start_us,
                state=State.OPEN,
                writer_id=mounted.writer.writer_id,
            )
        )
        file = SegmentFile.create(mounted.volume, path)
        file.append([recorded.contents[row.segment_id]])
        sealed = file.close([])
        done = Progress(row.segment_id, row.end_us, sealed.size_bytes, row.frames, row.keyframes)
        mounted.index.sync_round(closings=[Closing(done, sealed.hash)])


class _Loop:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))

    async def _main(self) -> None:
        self._ready.set_result(asyncio.get_running_loop())
        await self._over.wait()

    @contextmanager
    def running(self) -> Iterator[asyncio.AbstractEventLoop]:
        self._thread.start()
        loop = self._ready.result()
        try:
            yield loop
        finally:
            loop.call_soon_threadsafe(self._over.set)
            self._thread.join()


@contextmanager
def cluster(directory: Path, *names: str, links: int = 1) -> Iterator[list[Node]]:
    """Run the archivists of a cluster; each node's `node.toml` names the others as its peers."""
    files = Files(directory, "ours")
    hosts = {name: [free_host() for _ in range(links)] for name in names}
    with ExitStack() as stack, _Loop().running() as loop:
        nodes: list[Node] = []
        for name in names:
            root = directory / name
            create(root, UUID(int=ord(name[-1])))
            mounted = mount(root, UUID(int=ord(name[-1])), CLUSTER, NO_FLOOR)
            stack.callback(mounted.close)
            path = write_settings(directory, name, hosts, files)
            node = Node(name, mounted, hosts[name], path)
            node.start = partial(_start, loop, node, files)
            node.start()
            nodes.append(node)
        try:
            yield nodes
        finally:
            for node in nodes:
                node.stop()


def _start(loop: asyncio.AbstractEventLoop, node: Node, files: Files) -> None:
    ours = [Address(host, ARCHIVIST_PORT) for host in node.hosts]
    credentials = Home(node.settings.data).credentials
    settings = Settings(node.name, ours, files.authority, credentials, FAST)
    nowhere = Address("127.0.0.1", 1)
    known = Known({it.node_id: [nowhere] for it in node.settings.peers})
    opened = open_archivist(settings, Archive([node.mounted]), SetView(known), SetClock())
    ready, over = Future[None](), asyncio.Event()

    async def serve() -> None:
        async with opened:
            ready.set_result(None)
            await over.wait()

    served = asyncio.run_coroutine_threadsafe(serve(), loop)
    ready.result(30)

    def stop() -> None:
        loop.call_soon_threadsafe(over.set)
        served.result(30)

    node.running.callback(stop)


def write_settings(
    directory: Path, name: str, hosts: Mapping[str, Sequence[str]], files: Files
) -> Path:
    """Write a node's `node.toml`, and its keys into its data directory."""
    data = directory / f"{name}-data"
    data.mkdir()
    home = Home(data)
    home.authority.write_bytes(files.authority.read_bytes())
    home.credentials.write_bytes(files.node(name).read_bytes())
    lines = [f'node = "{name}"', f"cluster = {CLUSTER}", f'data = "{data}"']
    for number, host in enumerate(hosts[name]):
        lines += ["[[links]]", f'name = "{"ab"[number]}"', f'address = "{host}"']
    for peer, addresses in hosts.items():
        if peer != name:
            links = ", ".join(f'{"ab"[at]} = "{host}"' for at, host in enumerate(addresses))
            lines += ["[[peers]]", f'node = "{peer}"', f"links = {{ {links} }}"]
    path = directory / f"{name}.toml"
    path.write_text("\n".join(lines) + "\n")
    return path
