"""A real etcd, looked after: it outlives its agent, and says in a sentence why it does not run."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from tests.archive.file_systems import ext4
from tests.conformance.store.etcd_processes import ETCD
from tests.conformance.store.subjects import eventually, in_a_loop
from tests.node.etcd.material import Cluster, cluster
from tests.node.test_tls import EARLY

from tandem.archive.layout import IDENTITY_FILE
from tandem.node.authority import Authority, Credentials, create_key, public_key
from tandem.node.etcd.diagnosis import Diagnosis
from tandem.node.etcd.member import EtcdMember, MemberError
from tandem.node.etcd.options import Origin
from tandem.node.store import gateway
from tandem.node.store.endpoint import Endpoint, EndpointClient
from tandem.node.store.errors import StoreError
from tandem.node.tls import client_context

pytestmark = pytest.mark.real

TOP = Path(__file__).parents[3]

ROOM_BYTES = 1 << 20
"""Enough for directories and certificates, not for etcd's write-ahead log (64 MiB at a time)."""


@asynccontextmanager
async def stopped_after(*members: EtcdMember) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        for member in members:
            await member.stop()


async def stopped_once(directory: Path) -> Cluster:
    """A cluster of one member that has run, and was stopped."""
    made = cluster(directory / "c", 1)
    member = made.member("n1")
    await member.start()
    await member.stop()
    return made


@in_a_loop
async def test_a_member_starts_answers_and_stops(tmp_path: Path) -> None:
    member = cluster(tmp_path, 1).member("n1")
    async with stopped_after(member):
        assert await member.start()
        status = await member.health()
        assert (status.problem, status.member != 0) == ("", True)
        pid = member.pid
        assert pid
    assert member.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@in_a_loop
async def test_a_member_that_waits_for_the_others_counts_as_started(tmp_path: Path) -> None:
    member = cluster(tmp_path, 3).member("n1")
    async with stopped_after(member):
        assert await member.start()
        assert member.pid
        assert (await member.health()).problem


AGENT = """
import asyncio, sys
from pathlib import Path
from tests.node.etcd.material import Cluster
from tandem.node.authority import Credentials
from tandem.node.etcd.options import Member

async def run():
    directory, client, peer, key, certificate = sys.argv[1:]
    authority = Credentials(Path(key).read_bytes(), Path(certificate).read_bytes())
    members = (Member("n1", ("127.0.0.1",), int(client), int(peer)),)
    member = Cluster(Path(directory), members, authority).member("n1")
    await member.start()
    print(member.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(run())
"""


@in_a_loop
async def test_a_member_outlives_its_agent_and_the_next_one_finds_it(tmp_path: Path) -> None:
    made = cluster(tmp_path / "c", 1)
    (tmp_path / "key").write_bytes(made.authority.key)
    (tmp_path / "certificate").write_bytes(made.authority.certificate)
    (own,) = made.members
    ports = (str(own.client_port), str(own.peer_port))
    files = (str(tmp_path / "key"), str(tmp_path / "certificate"))
    agent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", AGENT, str(made.directory), *ports, *files),
        stdout=subprocess.PIPE,
        cwd=TOP,
        start_new_session=True,
    )
    assert agent.stdout
    pid = int(await agent.stdout.readline())
    os.killpg(agent.pid, signal.SIGKILL)  # all that an agent's crash could take with it
    await agent.wait()
    member = made.member("n1", origin=Origin.HERE)
    async with stopped_after(member):
        assert not await member.start()
        assert member.pid == pid
        await eventually(lambda: answers(member))
    assert member.pid is None


@in_a_loop
async def test_anothers_member_with_the_same_name_is_not_taken_for_ours(tmp_path: Path) -> None:
    one, two = cluster(tmp_path / "one", 1).member("n1"), cluster(tmp_path / "two", 1).member("n1")
    async with stopped_after(one, two):
        assert await one.start()
        assert await two.start()
        assert one.pid != two.pid


@in_a_loop
async def test_a_member_that_dies_is_told_of_and_started_again(tmp_path: Path) -> None:
    member = cluster(tmp_path, 1).member("n1")
    told = asyncio.Queue[Diagnosis]()
    async with stopped_after(member), asyncio.TaskGroup() as group:
        keeping = group.create_task(member.keep_running(told.put_nowait))
        first = await pid_of(member)
        os.kill(first, signal.SIGKILL)
        assert "signal 9" in (await told.get()).sentence
        assert await pid_of(member) != first
        keeping.cancel()
        assert member.pid  # cancelled, it leaves the member running


@in_a_loop
async def test_a_log_that_grows_is_put_aside_while_the_member_writes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tandem.node.etcd.member.LOG_LOOK_S", 0.05)
    monkeypatch.setattr("tandem.node.etcd.member.LONGEST_LOG_BYTES", 20_000)
    made = cluster(tmp_path, 1)
    member, log = made.member("n1"), tmp_path / "n1" / "etcd.log"

    async def is_put_aside() -> bool:
        return log.with_suffix(".old").exists() and log.stat().st_size < 20_000

    async with stopped_after(member), asyncio.TaskGroup() as tasks:
        assert await member.start()
        waiting = tasks.create_task(member.wait())
        with log.open("ab") as as_etcd_does:
            as_etcd_does.write(b"x" * 20_001)
        await eventually(is_put_aside)
        assert b"x" * 20_001 in log.with_suffix(".old").read_bytes()
        os.kill(member.pid or 0, signal.SIGTERM)
        diagnosis = await waiting
    assert diagnosis.sentence
    assert b"\0" not in log.read_bytes()
    assert b"closed etcd server" in log.read_bytes()


async def pid_of(member: EtcdMember) -> int:
    await eventually(lambda: answers(member))
    assert member.pid
    return member.pid


async def answers(member: EtcdMember) -> bool:
    return bool(member.pid) and not (await member.health()).problem


async def end_of(member: EtcdMember) -> Diagnosis:
    """Why a member ends, at once or after it has seemed to run."""
    async with stopped_after(member):
        try:
            await member.start()
        except MemberError as error:
            return Diagnosis(str(error), error.passes)
        return await member.wait()


async def refusal_of(member: EtcdMember) -> MemberError:
    async with stopped_after(member):
        with pytest.raises(MemberError) as caught:
            await member.start()
    return caught.value


@in_a_loop
async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    made = cluster(tmp_path, 1)
    port = made.members[0].client_port
    with socket.create_server(("127.0.0.1", port)):
        error = await refusal_of(made.member("n1"))
    assert f"127.0.0.1:{port}" in str(error)
    assert "ss -ltnp" in str(error)
    assert error.passes


@pytest.mark.parametrize("file", ["snap/db", "wal"])
@in_a_loop
async def test_damaged_data_are_named_and_not_tried_in_haste(tmp_path: Path, file: str) -> None:
    made = await stopped_once(tmp_path)
    path = made.settings("n1").data / "member" / file
    if path.is_dir():
        path = next(path.glob("*.wal"))
        path.write_bytes(path.read_bytes()[:300] + b"\xff\x00\xff" + path.read_bytes()[303:])
    else:
        path.write_bytes(b"no database" * 1000)
    error = await refusal_of(made.member("n1", origin=Origin.HERE))
    assert "are damaged" in str(error)
    assert str(made.settings("n1").data) in str(error)
    assert not error.passes


@pytest.mark.parametrize("gone", ["data", "data/member/wal"])
@in_a_loop
async def test_a_member_whose_data_are_gone_does_not_begin_with_nothing(
    tmp_path: Path, gone: str
) -> None:
    made = await stopped_once(tmp_path)
    shutil.rmtree(made.settings("n1").data.parent / gone)
    error = await refusal_of(made.member("n1", origin=Origin.HERE))
    assert "are gone" in str(error)
    assert "mount" in str(error)


@in_a_loop
async def test_a_member_that_has_forgotten_is_refused_by_the_others(tmp_path: Path) -> None:
    made = cluster(tmp_path, 3)
    members = [made.member(node) for node in ("n1", "n2", "n3")]
    async with stopped_after(*members):
        await asyncio.gather(*(member.start() for member in members))
        forgotten = (await members[0].health()).member
        await members[0].stop()
        shutil.rmtree(made.settings("n1").data)

        async def another_leads() -> bool:
            return (await members[1].health()).leader not in {0, forgotten}

        await eventually(another_leads)  # without one etcd would let it in
        ended = await end_of(made.member("n1"))
    assert "a member that has forgotten must not vote" in ended.sentence
    assert not ended.passes


@in_a_loop
async def test_members_of_different_clusters_say_so_though_they_run(tmp_path: Path) -> None:
    made = cluster(tmp_path, 2)
    other = EtcdMember(ETCD, replace(made.settings("n2"), cluster="other"), [], Random(0))
    member = made.member("n1")
    async with stopped_after(member, other):
        await asyncio.gather(member.start(), other.start())

        async def says_so() -> bool:
            return "belong to another cluster" in (await member.health()).problem

        await eventually(says_so)


@pytest.mark.parametrize("whose", ["the member's", "the asking node's"])
@in_a_loop
async def test_a_certificate_that_has_ended_is_told_as_what_may_be_a_wrong_clock(
    tmp_path: Path, whose: str
) -> None:
    made = cluster(tmp_path, 1)
    settings = made.settings("n1")
    ended = tmp_path / "ended.pem"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tandem.node.authority.NODE_DAYS", 1)
        key = create_key()
        signed = Authority(made.authority).issue("n1", ("127.0.0.1",), public_key(key), EARLY)
        ended.write_bytes(Credentials(key, signed).pem)
    theirs, ours = (
        (ended, settings.credentials) if whose == "the member's" else (settings.credentials, ended)
    )
    member = EtcdMember(ETCD, replace(settings, credentials=theirs), [], Random(0))
    async with stopped_after(member):
        await member.start()
        endpoint = Endpoint(settings.member.client_urls[0], "n1")
        client = EndpointClient(endpoint, client_context(settings.authority, ours))
        said = ""
        try:
            while "certificate" not in said:
                try:
                    await client.ask(gateway.STATUS, {}, 5.0)
                except StoreError as problem:
                    said = str(problem)
        finally:
            await client.close()
    assert "timedatectl" in said


@in_a_loop
async def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    made = cluster(tmp_path, 1)
    settings = made.settings("n1")
    settings.credentials.write_bytes(b"no certificate")
    error = await refusal_of(EtcdMember(ETCD, settings, [], Random(0)))
    assert "certificate" in str(error)


@pytest.mark.lab("loop")
@in_a_loop
async def test_a_full_disk_is_named_and_waited_for(tmp_path: Path) -> None:
    made = cluster(tmp_path / "c", 1)
    with ext4(tmp_path, size_mib=8) as disk:
        settings = replace(made.settings("n1"), data=disk.root / "data")
        # How much a file system of that size keeps for itself differs from release to release.
        free_bytes = shutil.disk_usage(disk.root).free
        (disk.root / "filler").write_bytes(bytes(free_bytes - ROOM_BYTES))
        error = await refusal_of(EtcdMember(ETCD, settings, [], Random(0)))
    assert "is full" in str(error)
    assert error.passes


@in_a_loop
async def test_data_beside_the_recordings_are_refused(tmp_path: Path) -> None:
    made = cluster(tmp_path, 1)
    (tmp_path / IDENTITY_FILE).touch()
    error = await refusal_of(EtcdMember(ETCD, made.settings("n1"), [tmp_path], Random(0)))
    assert "same file system as the recordings" in str(error)
    assert not error.passes


@in_a_loop
async def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings = cluster(tmp_path, 1).settings("n1")
    error = await refusal_of(EtcdMember(tmp_path / "no-etcd", settings, [], Random(0)))
    assert "no-etcd" in str(error)
