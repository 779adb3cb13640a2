"""Following who holds the store: members begun, given up and replaced as etcd's list says."""

import asyncio
from pathlib import Path

from tests.node.agent.material import FakeClock, node

from tandem.cluster.model import Link, Node
from tandem.node.agent.store_roles import STEADY_US, SURPLUS_US, Company, StoreRoles
from tandem.node.etcd.options import Member
from tandem.node.settings import LinkSettings, NodeSettings, PeerSettings
from tandem.node.store.endpoint import Endpoint
from tandem.node.store.model import MemberEntry, MemberStatus


def address(name: str) -> str:
    return f"10.0.1.{name[1:]}"


def entry(name: str, *, learner: bool = False, begun: bool = True) -> MemberEntry:
    made = Member(name, (address(name),))
    urls = made.client_urls if begun else ()
    return MemberEntry(int(name[1:]), name if begun else "", made.peer_urls, urls, learner)


class PlayedStore:
    """Those that hold the store, as a test says."""

    def __init__(self) -> None:
        self.entries = [entry("n1")]
        self.asked: tuple[Endpoint, ...] = ()
        self.done: list[tuple[str, object]] = []
        self.dead: set[int] = set()

    async def members(self) -> tuple[MemberEntry, ...]:
        return tuple(self.entries)

    async def status(self) -> tuple[MemberStatus, ...]:
        return tuple(
            MemberStatus(
                it.name, it.member_id, 1, problem="off" if it.member_id in self.dead else ""
            )
            for it in self.entries
            if it.name
        )

    async def set_endpoints(self, endpoints: tuple[Endpoint, ...]) -> None:
        self.asked = endpoints

    async def add_learner(self, peer_urls: tuple[str, ...]) -> None:
        self.done.append(("add", peer_urls))

    async def promote(self, member_id: int) -> None:
        self.done.append(("promote", member_id))

    async def remove_member(self, member_id: int) -> None:
        self.done.append(("remove", member_id))


class PlayedMember:
    """This node's member, or none."""

    def __init__(self) -> None:
        self.is_held = self.is_running = False
        self.learnt: list[tuple[Member, ...]] = []
        self.given_up = 0

    def look(self) -> None:
        pass

    async def learn(self, everybody: tuple[Member, ...]) -> None:
        self.learnt.append(everybody)
        self.is_held = self.is_running = True

    async def give_up(self) -> None:
        self.given_up += 1
        self.is_held = False


class Bench:
    def __init__(self, place: Path, own: str = "n1") -> None:
        self.clock, self.store, self.member = FakeClock(), PlayedStore(), PlayedMember()
        self.nodes: dict[str, Node] = {}
        self.removed: set[str] = set()
        self.told: list[object] = []
        self.own = own
        settings = NodeSettings(
            own,
            7,
            place,
            2378,
            (LinkSettings("a", address(own)),),
            (PeerSettings("n9", {}),),
            (),
            (),
        )
        self.roles = StoreRoles(
            settings,
            self.store,  # type: ignore[arg-type]
            self.member,  # type: ignore[arg-type]
            self.company,
            self.told.append,
            self.clock,
        )

    def company(self) -> Company:
        others = frozenset(self.nodes) - {self.own}
        return Company(self.nodes, frozenset(self.removed), others, decides=self.own == "n1")

    def know(self, *names: str) -> None:
        made = {name: node(name) for name in names}
        self.nodes = {
            name: Node(
                name, (Link("a", address(name)),), it.capacity_mbps, it.disk_mb_s, it.streams
            )
            for name, it in made.items()
        }

    def look(self, after_us: int = 0) -> None:
        self.clock.now_us += after_us
        asyncio.run(self.roles.look())

    @property
    def done(self) -> list[tuple[str, object]]:
        found, self.store.done = self.store.done, []
        return found


def test_a_third_node_brings_two_members_as_soon_as_they_are_steady(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.know("n1", "n2", "n3")
    bench.look()
    assert bench.done == []
    bench.look(STEADY_US)
    assert bench.done == [("add", Member("n2", (address("n2"),)).peer_urls)]
    bench.store.entries.append(entry("n2", learner=True, begun=False))
    bench.look()
    assert bench.done == [("promote", 2)]


def test_the_store_is_asked_where_it_votes_and_that_is_remembered(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.store.entries = [entry("n2"), entry("n1"), entry("n3", learner=True)]
    bench.look()
    found = (
        Endpoint("https://10.0.1.1:2379", "n1"),
        Endpoint("https://10.0.1.2:2379", "n2"),
    )
    assert bench.store.asked == found
    assert bench.told == [found]
    assert (tmp_path / "store-endpoints.json").exists()
    bench.look()
    assert bench.told == [found]


def test_a_node_that_is_expected_begins_and_one_that_was_taken_out_gives_up(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, "n2")
    bench.look()
    assert not bench.member.learnt
    bench.store.entries.append(entry("n2", learner=True, begun=False))
    bench.look()
    bench.look()
    assert [[it.node for it in one] for one in bench.member.learnt] == [["n1", "n2"]]
    bench.store.entries = [entry("n1")]
    bench.look()
    bench.member.is_running = False
    for _ in range(5):
        assert not bench.member.given_up
        bench.look()
    assert bench.member.given_up == 1


def test_a_node_that_is_expected_anew_begins_though_its_old_member_was_not_given_up_yet(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, "n2")
    bench.member.is_held = True
    bench.store.entries.append(entry("n2", learner=True, begun=False))
    bench.look()
    assert len(bench.member.learnt) == 1


def test_a_removed_node_s_member_goes_at_once_and_one_too_many_after_a_while(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    bench.know("n1", "n2")
    bench.removed = {"n3"}
    bench.store.entries = [entry("n1"), entry("n2"), entry("n3")]
    bench.store.dead = {3}
    bench.look()
    assert bench.done == [("remove", 3)]
    bench.store.entries.pop()
    bench.look(STEADY_US)
    assert bench.done == []
    bench.look(SURPLUS_US)
    assert bench.done == [("remove", 2)]
