"""A server is let in over real connections on loopback: once, by whoever has the token, or not."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.conformance.store.subjects import in_a_loop

from tandem.cluster import keys
from tandem.cluster.joining import Invitation, Removal
from tandem.cluster.model import Link, Node
from tandem.node.authority import create_authority, fingerprint
from tandem.node.beats import PORT
from tandem.node.control.service import AGENT_PORT
from tandem.node.joining import client, inviting
from tandem.node.joining.application import Application, ApplicationError, check
from tandem.node.joining.inviting import Inviter, Members
from tandem.node.joining.making import Wanted
from tandem.node.joining.service import JOIN_PORT, JoinService
from tandem.node.joining.signing import keep_in_store
from tandem.node.joining.token import Token, TokenError
from tandem.node.preflight.ports import ports_of
from tandem.node.provision import ClusterSecrets, provision_node
from tandem.node.settings import LinkSettings, NodeSettings
from tandem.node.store.fake import FakeStore
from tandem.recording.orders import RELAY_PORT

KEY = b"k" * 32
OWN = {"a": "127.0.0.71", "b": "127.0.0.72"}
THEIRS = (LinkSettings("a", "127.0.0.73"), LinkSettings("b", "127.0.0.74"))
HOUR_US = 3_600_000_000
LOOK_S = 0.01


class MovedClock:
    """The real time, and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead_us = 0

    def boot_us(self) -> int:
        return 0

    def utc_us(self) -> int:
        return 1_790_000_000_000_000 + self.ahead_us


class Bench:
    """Node n1 of cluster 7, which invites."""

    def __init__(self, place: Path) -> None:
        self.place, self.clock, self.store = place, MovedClock(), FakeStore()
        links = tuple(LinkSettings(name, address) for name, address in OWN.items())
        self.settings = NodeSettings("n1", 7, place / "n1", 2378, links, (), (), ())
        self.authority = create_authority("7", self.clock)
        provision_node(self.settings, ClusterSecrets(self.authority, KEY), self.clock)
        own = tuple(Link(name, address) for name, address in OWN.items())
        self.nodes = {"n1": Node("n1", own, 900, 100, 100)}
        self.removed: dict[str, Removal] = {}
        self.inviter = Inviter(
            self.settings,
            self.store,
            KEY,
            fingerprint(self.authority.certificate),
            "1.0",
            self.members,
            self.clock,
            AGENT_PORT,
        )

    def members(self) -> Members:
        found = self.store.keys.range(keys.INVITATIONS).entries.values()
        invitations = {
            keys.identity(keys.INVITATIONS, it.key): Invitation.decode("x", it.value)
            for it in found
        }
        return Members(self.nodes, self.removed, frozenset(), invitations)

    def wanted(self, name: str = "n2") -> Wanted:
        return Wanted(name, THEIRS, (), self.place / name / "node.toml", self.place / name)

    async def join(self, token: Token, name: str = "n2", release: str = "1.0") -> client.Admission:
        return await client.join(self.wanted(name), token, release, self.clock)

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator[Token, None]:
        await keep_in_store(self.store, self.authority, KEY)
        token = await self.inviter.invite()
        data = self.settings.data
        service = JoinService(self.inviter, data / "authority.pem", data / "node.pem")
        task = asyncio.create_task(service.run())

        async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        agents = [await asyncio.start_server(hold, address, AGENT_PORT) for address in OWN.values()]
        try:
            await self.until_listens()
            yield token
        finally:
            task.cancel()
            await asyncio.wait([task])
            for agent in agents:
                agent.close()

    async def until_listens(self) -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection(OWN["a"], JOIN_PORT)
            except OSError:
                await asyncio.sleep(LOOK_S)
            else:
                writer.close()
                return


@in_a_loop
async def test_a_server_with_a_token_gets_all_that_it_needs(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.serving() as token:
        found = await bench.join(Token.decode(token.encode()))
        assert found.cluster_key == KEY
        assert found.authority == bench.authority.certificate
        assert [(it.node_id, it.addresses) for it in found.peers] == [("n1", OWN)]
        (invitation,) = bench.members().invitations.values()
        assert invitation.node_id == "n2"


@in_a_loop
async def test_an_interrupted_join_can_be_repeated_and_another_server_cannot_use_the_token(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    async with bench.serving() as token:
        first = await bench.join(token)
        again = await bench.join(token)
        assert again.credentials.key == first.credentials.key
        with pytest.raises(ApplicationError, match="used already"):
            await bench.join(token, "n3")
        client.forget_key(bench.place / "n2")
        with pytest.raises(ApplicationError, match="used already"):
            await bench.join(token)


@in_a_loop
async def test_the_token_is_told_to_nobody_who_is_not_of_its_cluster(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.serving() as token:
        other = create_authority("8", bench.clock).certificate
        wrong = replace(token, authority_sha256=fingerprint(other))
        with pytest.raises(ApplicationError, match="another cluster"):
            await bench.join(wrong)
        (invitation,) = bench.members().invitations.values()
        assert not invitation.node_id


@in_a_loop
async def test_neither_a_wrong_secret_nor_an_old_token_lets_anybody_in(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    async with bench.serving() as token:
        with pytest.raises(ApplicationError, match="is over, or none"):
            await bench.join(replace(token, secret="guessed"))
        second = await bench.inviter.invite()
        bench.clock.ahead_us = HOUR_US - 1
        await bench.join(second)
        bench.clock.ahead_us = HOUR_US
        with pytest.raises(ApplicationError):
            await bench.join(token)


@in_a_loop
async def test_a_server_that_the_cluster_cannot_reach_on_a_link_is_not_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path)
    async with bench.serving() as token:
        monkeypatch.setattr(inviting, "unreached", refuses_b)
        with pytest.raises(ApplicationError, match="link b"):
            await bench.join(token)
        (invitation,) = bench.members().invitations.values()
        assert not invitation.node_id


async def refuses_b(targets: dict[str, tuple[str, str]], port: int, echo: str) -> list[str]:
    return [f"{name}: refused." for name in targets if "link b" in name]


@in_a_loop
async def test_a_server_that_cannot_reach_a_node_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path)
    async with bench.serving() as token:
        bench.nodes["n1"] = replace(
            bench.nodes["n1"], links=(Link("a", OWN["a"]), Link("b", "127.0.0.79"))
        )
        with pytest.raises(ApplicationError, match=r"link b, from this server to node n1"):
            await bench.join(token)
        (invitation,) = bench.members().invitations.values()
        assert not invitation.node_id


def test_the_port_for_joining_is_nobody_else_s() -> None:
    others = {port.number for port in ports_of(None, PORT)}
    assert JOIN_PORT not in others | {RELAY_PORT + number for number in range(16)}


def application(**changes: object) -> Application:
    made = Application("n2", {"a": "10.0.1.2", "b": "10.0.2.2"}, "", "1.0", 1000, "")
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"release": "0.9"}, "has release 0.9"),
        ({"utc_us": 61_000_001_000}, "ahead of"),
        ({"node_id": "n1"}, "a node 'n1' already"),
        ({"node_id": "gone"}, "was removed"),
        ({"links": {"a": "10.0.1.2"}}, "--link a=ADDRESS --link b=ADDRESS"),
        ({"links": {"a": "10.0.1.1", "b": "10.0.2.2"}}, "is node n1's address"),
        ({"links": {"a": "fd00::2", "b": "10.0.2.2"}}, "is IPv4"),
    ],
)
def test_what_cannot_be_a_node_is_told_why(changes: dict[str, object], words: str) -> None:
    own = {"a": "10.0.1.1", "b": "10.0.2.1"}
    nodes = {"n1": Node("n1", tuple(Link(*it) for it in own.items()), 900, 100, 100)}
    check(application(), own, nodes, {"gone": 1}, "1.0", 1000)
    with pytest.raises(ApplicationError, match=words):
        check(application(**changes), own, nodes, {"gone": 1}, "1.0", 1000)


@pytest.mark.parametrize("text", ["", "tandem1.", "tandem2.W10", "tandem1.W10", "x", "tandem1.%%"])
def test_what_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(TokenError):
        Token.decode(text)


def test_a_token_shows_its_secret_in_no_representation() -> None:
    assert "s3cret" not in repr(Token(7, "f", "i", "s3cret", ("10.0.1.1",)))
