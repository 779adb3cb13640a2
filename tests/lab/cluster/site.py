"""A cluster of three nodes and six cameras of all protections, to be hurt and mended."""

import json
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.lab.cluster.pictures import Found, found_in

from tandem.clock import SystemClock
from tandem.cluster.model import Protection
from tandem.lab.cluster import ClusterPlan, LabCluster, Steps, services
from tandem.lab.cluster.agents import client
from tandem.lab.cluster.mix import camera_id
from tandem.lab.cluster.waiting import wait_for
from tandem.lab.counting.ledger import read_ledger
from tandem.lab.demo.copies import lacking
from tandem.lab.demo.exports import export_all
from tandem.lab.demo.programs import ask, at_once, span_options
from tandem.lab.hosts import Host, LabError
from tandem.lab.hosts.commands import wait_until
from tandem.node.control.client import AskingError

WINDOW_S: Final = 30
PROTECTION: Final = {
    1: Protection.FAILOVER,
    2: Protection.FAILOVER,
    3: Protection.MIRROR,
    4: Protection.HOT,
    5: Protection.HOT,
    6: Protection.HOT,
}
FAILOVER: Final = [number for number, it in PROTECTION.items() if it is Protection.FAILOVER]
PROTECTED: Final = [number for number in PROTECTION if number not in FAILOVER]
CAMERAS: Final = list(PROTECTION)
MIRRORED: Final = 3

UNSETTLED_US: Final = 5_000_000
"""Newer pictures are not counted: a fragment of 2 s, a sync each 2 s, and the time to ask."""

ASIDE_US: Final = 5_000_000
"""A second may drop what has left its window while it is being asked."""

BEFORE_US: Final = 8_000_000
"""So much is recorded before a fault, and counted: what no disk has then, from a keyframe on."""

LEAD_US: Final = 2_000_000
WHOLE_S: Final = 150.0
PLACING: Final = Path(__file__).with_name("placing.py")

_ASK_CAMERAS: Final = f"""
import json, socket, sys
channel = socket.socket(socket.AF_UNIX)
channel.settimeout(10)
channel.connect({str(services.CONTROL)!r})
lines = channel.makefile("rw")
for asked in json.loads(sys.argv[1]):
    print(json.dumps({{"version": 1, **asked}}), file=lines, flush=True)
    said = json.loads(lines.readline())
    assert said["ok"], said
"""

Json = Mapping[str, Any]


@dataclass(slots=True)
class Site:
    """A cluster that records, and what is known of it.

    Attributes:
        cluster: in the lab.
        clock: of this machine.
        protection: of each camera, by its number.
        since_us: everything is recorded as it should be since then, UTC.
        whole_us: when all was well for the last time before the present test, UTC.
        is_whole: whether all was well when it was looked at last.
    """

    cluster: LabCluster
    clock: SystemClock
    protection: Mapping[int, Protection]
    since_us: int = 0
    whole_us: int = 0
    is_whole: bool = True

    def node(self, name: str) -> Host:
        return self.cluster.lab.host(name)

    @property
    def now_us(self) -> int:
        return self.clock.utc_us()

    @property
    def failover(self) -> list[int]:
        """The cameras that one node alone records."""
        return [number for number, it in self.protection.items() if it is Protection.FAILOVER]

    # --- What it says of itself ------------------------------------------------------------------

    def status(self, asked: Host | None = None) -> Json:
        return client(asked or self.cluster.living[0]).status()

    def placement(self, camera: int) -> list[str]:
        found = client(self.cluster.living[0]).camera(camera_id(camera))["placement"]["nodes"]
        return [str(node) for node in found]

    def said_by(self, name: str) -> Json:
        """What a node's own agent says of it."""
        return client(self.node(name)).node()

    def sure_us(self, name: str) -> int:
        """Up to when a node says that all it records is on its disks, UTC."""
        said = [it.get("durable_until_us") or 0 for it in self.said_by(name)["streams"]]
        return min(said, default=0)

    def recorded_alone_by(self, name: str) -> list[int]:
        """The cameras of which a node has the only copy."""
        return [number for number in self.failover if self.placement(number)[0] == name]

    def oldest_us(self, name: str) -> int:
        """When the oldest file of a node was made, UTC."""
        root = self.node(name).outside("/mnt")
        return min(file.stat().st_ctime_ns for file in root.glob("v*/*/*/*/*.mp4")) // 1000

    def heard(self, name: str, other: str, links: Collection[str]) -> str:
        """On which of these links a node hears another one; empty: on none."""
        peers = {it["node_id"]: it["links"] for it in self.said_by(name)["peers"]}
        return "".join(
            sorted(it["link"] for it in peers[other] if it["link"] in links and it["inbound"])
        )

    # --- Waiting ---------------------------------------------------------------------------------

    def wait(self, missing: Callable[[], str], what: str, deadline_s: float = 90.0) -> float:
        """Until nothing is missing; returns after how many seconds that was."""
        began_us = self.clock.boot_us()

        def asked() -> str:
            try:
                return missing()
            except AskingError as error:
                return str(error)

        wait_for(asked, what, deadline_s, self.clock)
        return (self.clock.boot_us() - began_us) / 1e6

    def record_until(self, until_us: int) -> None:
        left_s = max(0.0, (until_us - self.now_us) / 1e6)
        self.wait(lambda: "" if self.now_us >= until_us else "not yet", "time passes", left_s + 10)

    def wait_until_recorded(self, asked: Host | None = None) -> float:
        """Until some node records each camera, by the word of a node that is on."""

        def unrecorded() -> str:
            cameras = self.status(asked)["cameras"]
            return ", ".join(each["camera_id"] for each in cameras if not each["recorded"])

        return self.wait(unrecorded, "every camera is recorded")

    def wait_until_dead(self, name: str, volume: str) -> float:
        """Until a node says that it does not record to a volume."""

        def alive() -> str:
            volumes = {it["path"]: it for it in self.said_by(name)["volumes"]}
            return "" if volumes[f"/mnt/{volume}"]["dead"] else "it does"

        return self.wait(alive, f"{volume} of {name} is found dead")

    def wait_until_whole(self, deadline_s: float = WHOLE_S) -> float:
        """Until all is as it was before: every copy where it belongs, and nothing lacks in any."""
        self.is_whole = False
        self.cluster.wait_until_nodes_answer()
        took_s = self.wait(lambda: troubles(self.status()), "all is well", deadline_s)
        took_s += self.wait_for_copies()
        self.is_whole = True
        return took_s

    def wait_for_copies(self, asked: Host | None = None, deadline_s: float = 30.0) -> float:
        """Until two nodes have all that they are to have of each protected camera."""
        host = asked or self.cluster.living[0]

        def holes(number: int) -> str:
            to_us = self.now_us - UNSETTLED_US - ASIDE_US
            from_us = self.now_us - WINDOW_S * 1_000_000 + ASIDE_US
            if self.protection[number] is Protection.MIRROR:
                from_us = self.since_us
            span = span_options(max(from_us, self.since_us), to_us)
            if to_us <= max(from_us, self.since_us):
                return "too little is recorded yet"
            told = lacking(ask(host, ["coverage", camera_id(number), *span], (0, 3, 4), 30))
            whole = list(told.values()).count([])
            return "" if whole >= 2 else f"of {camera_id(number)}: {told}"

        protected = [number for number in self.protection if number not in self.failover]
        return self.wait(
            lambda: "; ".join(filter(None, at_once(holes, protected))), "two copies", deadline_s
        )

    # --- Counting --------------------------------------------------------------------------------

    def without_keyframe(self) -> str:
        """The cameras of which nothing can be decoded yet that is counted: a GOP may take 10 s."""
        return ", ".join(
            camera_id(number)
            for number in self.protection
            if not any(
                it.is_keyframe and it.utc_us > self.since_us
                for it in read_ledger(self.cluster.ledger(number)).frames.values()
            )
        )

    def wait_until_on_disks(self, asked: Host, until_us: int) -> None:
        """Until some node has every camera up to that time, which a slow disk may put off."""

        def unsure() -> str:
            cameras = self.status(asked)["cameras"]
            return ", ".join(
                it["camera_id"]
                for it in cameras
                if all((copy.get("durable_until_us") or 0) < until_us for copy in it["copies"])
            )

        self.wait(unsure, "what is to be counted is on disks")

    def count(
        self, from_us: int, asked: Host | None = None, alone_from_us: int = 0
    ) -> dict[int, Found]:
        """What is in exports of all cameras, made now, against what the cameras took."""
        host, until_us = asked or self.cluster.living[0], self.now_us
        place = Path("/tmp/exports")
        self.wait_until_on_disks(host, until_us - UNSETTLED_US)
        try:
            exports = export_all(host, len(self.protection), place, from_us - LEAD_US, until_us)
            ledgers = {number: self.cluster.ledger(number) for number in self.protection}
            since_us = {
                number: max(self.since_us, alone_from_us if number in self.failover else 0)
                for number in self.protection
            }
            return found_in(exports, ledgers, since_us, from_us, until_us - UNSETTLED_US)
        finally:  # what fails here must not fail the next test as well
            host.run(["rm", "-rf", str(place)])

    def count_window(self, fault_us: int, asked: Host | None = None) -> dict[int, Found]:
        """From the start of the window before a fault on.

        A camera that one node alone records has no window: what earlier tests cost it is not ours.
        """
        return self.count(fault_us - WINDOW_S * 1_000_000, asked, self.whole_us)

    # --- Processes -------------------------------------------------------------------------------

    def recorders(self, name: str) -> list[int]:
        return [int(it["pid"]) for it in self.said_by(name)["recorders"] if it["pid"]]

    def wait_for_a_write(self, name: str) -> None:
        """Until a recording of a node is seen to grow: its recorder is at work that moment.

        File by file: a second's copies are deleted all the while, so all of them together may not
        grow.
        """
        root = self.node(name).outside("/mnt/v1")

        def sizes_bytes() -> dict[Path, int]:
            found = {}
            for file in root.glob("camera-*/*/*/*.mp4"):
                with suppress(FileNotFoundError):
                    found[file] = file.stat().st_size
            return found

        before = sizes_bytes()
        wait_until(
            lambda: any(size > before.get(file, 0) for file, size in sizes_bytes().items()),
            f"nothing is recorded on {name}",
        )

    def signal(self, name: str, pids: list[int], word: str) -> None:
        self.node(name).run(["kill", f"-{word}", *map(str, pids)])

    def start_services(self, name: str) -> None:
        """As the service manager does with what has died."""
        services.start(self.node(name), self.cluster.record)

    def repair(self, name: str, volume: str) -> float:
        """As an administrator does while everything runs: the disk is unmounted and seen to.

        Returns:
            After how many seconds nothing of it was open any more, and it could be unmounted.
        """

        def refused() -> str:
            try:
                self.node(name).run(["umount", "-n", f"/mnt/{volume}"])
            except LabError as error:
                return str(error)
            return ""

        let_go_s = self.wait(refused, f"{volume} of {name} is let go of")
        self.cluster.repair_volume(name, volume)
        return let_go_s

    def mend(self) -> None:
        """Undo whatever is still done to it, after a test that failed; the next one may begin."""
        lab = self.cluster.lab
        lab.heal()
        for node in self.cluster.nodes:
            lab.thaw(node.name) if node.is_on else self.cluster.start(node.name)
            if stopped := node.pids(services.ETCD):
                self.signal(node.name, stopped, "CONT")
            for volume, fault in lab.status().hosts[node.name].volumes.items():
                if fault:
                    self.cluster.repair_volume(node.name, volume)
            if not node.pids(services.AGENT):
                self.start_services(node.name)
        if not self.is_whole:
            self.wait_until_whole()
        self.whole_us, self.is_whole = self.now_us, False
        self.record_until(self.whole_us + BEFORE_US)

    # --- The store -------------------------------------------------------------------------------

    def swap_roles(self, asked: Host, cameras: list[int]) -> None:
        """Let primary and second of cameras change places."""
        names = [camera_id(number) for number in cameras]
        asked.run([sys.executable, "-", *names], given=PLACING.read_text(), deadline_s=60)

    def protect(self) -> None:
        """Give each camera the protection that it is to have."""
        asked = client(self.cluster.nodes[0])
        wanted = {camera_id(number): level for number, level in self.protection.items()}
        for camera in asked.cameras()["cameras"]:
            changed = {**camera, "protection": wanted[camera["camera_id"]]}
            asked.put_camera(changed, camera["revision"])

    def allow_sessions(self, numbers: Collection[int], most: int) -> None:
        """Let cameras have so many sessions at a time from now on."""
        asked = [
            {"command": "fault", "camera": number, "kind": "session-limit", "value": most}
            for number in numbers
        ]
        host = self.cluster.lab.host(services.CAMERA_HOST)
        host.run([sys.executable, "-", json.dumps(asked)], given=_ASK_CAMERAS, deadline_s=60)


def say(text: str) -> None:
    """What is measured and done; shown by `pytest -s`."""
    sys.stdout.write(text)


def troubles(status: Json) -> str:
    """What is not as it is to be; empty: nothing."""
    found = [str(problem) for problem in status["problems"]]
    for camera in status["cameras"]:
        wanted = camera["placement"]["nodes"][: Protection(camera["protection"]).copies]
        recorders = [copy["node_id"] for copy in camera["copies"] if copy["recording"]]
        if recorders != wanted or not camera["whole"]:
            told = json.dumps(camera["problems"])
            found.append(f"{camera['camera_id']} by {recorders}, not {wanted}: {told}")
    return "; ".join(found)


@contextmanager
def site(
    place: Path,
    volumes: int = 1,
    protection: Mapping[int, Protection] = PROTECTION,
    **more: Any,
) -> Iterator[Site]:
    """A cluster for the tests of a module; `more` are further settings of its plan."""
    clock = SystemClock()
    plan = ClusterPlan(cameras=len(protection), volumes=volumes, window_s=WINDOW_S, **more)
    cluster = LabCluster.up(place / "lab", plan, Steps(say, clock), clock)
    with cluster.lab:
        one = Site(cluster, clock, protection)
        one.protect()
        one.wait(lambda: troubles(one.status()), "all cameras are protected", WHOLE_S)
        one.since_us = one.now_us
        one.wait(one.without_keyframe, "each camera has sent a keyframe")
        yield one
