"""Archivists on loopback, with real TLS, real volumes, and the same scene filmed by several."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from uuid import UUID, uuid4

from tests.archive.material import BASE_US, CLUSTER, FRAMES, NO_FLOOR, VIDEO, create, picture
from tests.node.test_tls import Files

from tandem.archive.archive import Archive
from tandem.archive.deletion import Retention
from tandem.archive.layout import segment_path
from tandem.archive.mount import Mounted, mount
from tandem.archive.rows import Closing, Progress, Role, Segment
from tandem.archive.segment_file import SegmentFile
from tandem.cluster.model import Placement
from tandem.cluster.promise import Question
from tandem.media.mp4.fragment import Sample, fragment
from tandem.media.mp4.header import SegmentHeader
from tandem.media.mp4.init import init_segment
from tandem.media.mp4.mfra import SyncPoint, mfra
from tandem.node.archivist.archivist import Archivist, Settings, open_archivist
from tandem.node.archivist.client import Peers
from tandem.node.archivist.dropping import Dropper
from tandem.node.archivist.healing import Healer
from tandem.node.archivist.holdings import Holdings
from tandem.node.archivist.messages import Inquiry
from tandem.node.archivist.orders import HealOrder
from tandem.node.archivist.promises import Promiser
from tandem.node.archivist.reconciler import Reconciler
from tandem.node.archivist.view import Address

CAMERA = "gate"
WINDOW_US = 600_000_000
NOW_US = BASE_US + 3_600_000_000
SECOND_US = 1_000_000
_TICKS = 3_600
FAST = 1 << 40
Known = dict[str, Sequence[Address]]
FIRST_PLACEMENT = Placement(CAMERA, ("n1", "n2", "n3"), 1)


class SetClock:
    """Both clocks as a test sets them."""

    def __init__(self) -> None:
        self.now_us = 1_000_000

    def boot_us(self) -> int:
        return self.now_us

    def utc_us(self) -> int:
        return NOW_US


@dataclass
class SetView:
    """The cluster as a test says that it is."""

    known: Known
    placement: Placement = FIRST_PLACEMENT
    window_us: int | None = WINDOW_US
    share_bytes: int | None = None
    now_us: int | None = NOW_US

    def placements(self) -> dict[str, Placement]:
        return {CAMERA: self.placement}

    def retention(self) -> dict[str, Retention]:
        return {CAMERA: Retention(max_bytes=self.share_bytes, window_us=self.window_us)}

    def utc_us(self) -> int | None:
        return self.now_us

    def addresses(self, node_id: str) -> Sequence[Address]:
        return self.known.get(node_id, ())


@dataclass
class Site:
    """One node: its archivist and its volume."""

    name: str
    mounted: Mounted
    view: SetView
    clock: SetClock
    archivist: Archivist
    holdings: Holdings
    peers: Peers
    healer: Healer
    promiser: Promiser
    dropper: Dropper
    files: Files = field(repr=False)

    def rows(self) -> list[Segment]:
        return list(self.mounted.reader.all_segments())

    def row(self, segment: Segment) -> Segment | None:
        return self.mounted.reader.segment(segment.segment_id)

    def path(self, segment: Segment) -> Path:
        return self.mounted.volume.root / segment.path

    async def heal(self, peer: str, healer: Healer | None = None) -> list[Segment]:
        """One pass over a window, as for an order; what was filed by it."""
        before = {row.segment_id for row in self.rows()}
        parts = self.holdings, self.view, self.peers, healer or self.healer
        reconciler = Reconciler(*parts, self.clock, Random(1))
        reconciler.order({CAMERA: HealOrder((peer,), ("main",), BASE_US, "once")})
        await reconciler.turn()
        return [row for row in self.rows() if row.segment_id not in before]

    def film(self, role: Role = Role.PRIMARY, **scene: object) -> Segment:
        return film(self.mounted, role, **scene)  # type: ignore[arg-type]


@asynccontextmanager
async def site(
    name: str,
    directory: Path,
    files: Files,
    known: Known,
    links: int = 1,
    bytes_s: int = FAST,
) -> AsyncGenerator[Site, None]:
    """Run an archivist; its address is in `known` while it does."""
    root = directory / name
    if not root.exists() or not any(root.iterdir()):
        create(root, UUID(int=ord(name[-1])))
    async with AsyncExitStack() as stack:
        mounted = mount(root, UUID(int=ord(name[-1])), CLUSTER, NO_FLOOR)
        stack.callback(mounted.close)
        view, clock = SetView(known), SetClock()
        ours = [Address("127.0.0.1", 0)] * links
        settings = Settings(name, ours, files.authority, files.node(name), bytes_s)
        archivist = await stack.enter_async_context(
            open_archivist(settings, Archive([mounted]), view, clock)
        )
        known[name] = archivist.addresses
        yield Site(
            name=name,
            mounted=mounted,
            view=view,
            clock=clock,
            archivist=archivist,
            holdings=archivist.holdings,
            peers=archivist.peers,
            healer=archivist.healer,
            promiser=archivist.promiser,
            dropper=archivist.dropper,
            files=files,
        )


@asynccontextmanager
async def sites(directory: Path, *names: str) -> AsyncGenerator[list[Site], None]:
    """Run some archivists of one cluster."""
    files = Files(directory, "ours")
    known = Known()
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(site(name, directory, files, known)) for name in names
        ]


def film(
    mounted: Mounted,
    role: Role,
    *,
    scene: str = "yard",
    fragments: int = 4,
    without: frozenset[int] = frozenset(),
    start_us: int = BASE_US,
    shift_us: int = 0,
    is_still: bool = False,
    frame_bytes: int = 400,
    cluster_number: int = CLUSTER,
    lost: int | None = None,
) -> Segment:
    """Record a scene as one node does: its own id and clock, the pictures of all who film it.

    Of each fragment the picture `lost` did not come.
    """
    start = start_us + shift_us
    segment_id = uuid4()
    path = segment_path(CAMERA, "main", start, segment_id)
    writer_id = mounted.writer.writer_id
    row = Segment(segment_id, CAMERA, "main", path, role, start, start, writer_id=writer_id)
    mounted.index.begin(row)
    file = SegmentFile.create(mounted.volume, path)
    header = SegmentHeader(cluster_number, "n1", CAMERA, "main", str(segment_id), start)
    file.append([init_segment(VIDEO, None, header)])
    points: list[SyncPoint] = []
    follows_loss = False
    for at in sorted(set(range(fragments)) - without):
        samples = gop(f"{scene}/{start_us}/{at}", start, at, is_still=is_still, size=frame_bytes)
        samples[0].follows_loss = follows_loss
        if lost is not None:
            follows_loss = lost + 1 == len(samples)
            if not follows_loss:
                samples[lost + 1].follows_loss = True
            del samples[lost]
        points.append(SyncPoint(samples[0].dts, file.size_bytes))
        file.append(fragment(at + 1, samples, []))
    sealed = file.close([mfra(points)])
    end_us = start + fragments * SECOND_US
    step = Progress(segment_id, end_us, sealed.size_bytes, len(points) * FRAMES, len(points))
    mounted.index.sync_round(closings=[Closing(step, sealed.hash)])
    found = mounted.index.segment(segment_id)
    assert found is not None
    return found


def gop(seed: str, start_us: int, at: int, *, is_still: bool, size: int) -> list[Sample]:
    first = start_us * 9 // 100 + at * FRAMES * _TICKS
    samples = []
    random = Random(seed)
    for frame in range(FRAMES):
        if is_still:
            random = Random("still")
        data, identity = picture(random, size, key=frame == 0 and not is_still)
        samples.append(Sample(data, first + frame * _TICKS, 0, _TICKS, frame == 0, identity))
    return samples


def inquiry(asker: Site, segment: Segment, generation: int = 1, nonce: str = "") -> Inquiry:
    """What the asker would ask about a segment of its own."""
    pictures = asker.holdings.read(segment).pictures
    question = Question(
        nonce=nonce or uuid4().hex,
        asker=asker.name,
        generation=generation,
        segment_id=str(segment.segment_id),
        camera_id=segment.camera_id,
        stream=segment.stream,
        from_us=segment.start_us,
        to_us=segment.end_us,
        identities=tuple(one.identity for one in pictures),
    )
    return Inquiry(question, tuple(one.time_us for one in pictures))


def identities(site: Site) -> set[bytes]:
    """The pictures that a node has, sound or not."""
    return {one.identity for row in site.rows() for one in site.holdings.read(row).pictures}


def spoil(path: Path, at: int = -1_000) -> None:
    """Change one byte of a file, as a disk that decays does."""
    with path.open("r+b") as file:
        file.seek(at, 2 if at < 0 else 0)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))
