"""Backups of a real store."""

import asyncio
import json
import ssl
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner
from tests.conformance.store.etcd_processes import SingleEtcd, free_ports, single_etcd
from tests.conformance.store.subjects import PATIENT, in_a_loop

from tandem.cli.main import main
from tandem.clock import SystemClock
from tandem.cluster import keys
from tandem.cluster.identity import ClusterIdentity
from tandem.node.backup import taking
from tandem.node.backup.document import BackupError, decode
from tandem.node.backup.keeper import OLD_US, BackupKeeper
from tandem.node.backup.taking import Source, read_store
from tandem.node.provision import create_cluster, provision_node, settings_text
from tandem.node.settings import LinkSettings, read_settings
from tandem.node.store.endpoint import Endpoint
from tandem.node.store.etcd import EtcdStore, open_store
from tandem.node.store.model import Put, Transaction

pytestmark = pytest.mark.real

CLOCK = SystemClock()


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[SingleEtcd]:
    with single_etcd(tmp_path) as running:
        yield running


def source(*endpoints: Endpoint, number: int = 7) -> Source:
    return Source(number, "n1", endpoints, ssl.create_default_context())


def opened(etcd: SingleEtcd) -> AbstractAsyncContextManager[EtcdStore]:
    return open_store([etcd.endpoint], Random(0), deadlines=PATIENT)


async def write(store: EtcdStore, **values: str) -> None:
    puts = tuple(Put(keys.CAMERAS + key, value.encode()) for key, value in values.items())
    await store.transact(Transaction((), puts))


async def begin(store: EtcdStore) -> None:
    await store.transact(
        Transaction((), (Put(keys.CLUSTER, ClusterIdentity(7, 3).encode()), Put("/other", b"x")))
    )


@in_a_loop
async def test_all_keys_of_tandem_are_read_and_no_others(etcd: SingleEtcd) -> None:
    async with opened(etcd) as store:
        await begin(store)
        await write(store, gate="1", door="2")
        revision = (await store.range("/")).revision
        backup = await read_store(source(etcd.endpoint), CLOCK)
    assert (backup.header.incarnation, backup.header.revision) == (3, revision)
    assert set(backup.values) == {keys.CLUSTER, keys.CAMERAS + "gate", keys.CAMERAS + "door"}


@in_a_loop
async def test_pages_are_of_one_revision_though_the_store_is_written_meanwhile(
    etcd: SingleEtcd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(taking, "PAGE_KEYS", 2)
    stop = asyncio.Event()

    async def write_on(store: EtcdStore) -> None:
        number = 0
        while not stop.is_set():
            number += 1  # all of them in one revision: they never differ
            await write(store, **{f"c{each}": str(number) for each in range(50)})

    async with opened(etcd) as store, asyncio.TaskGroup() as group:
        await begin(store)
        await write(store, **{f"c{each}": "0" for each in range(50)})
        group.create_task(write_on(store))
        backups = [await read_store(source(etcd.endpoint), CLOCK) for _ in range(5)]
        stop.set()
    seen = [
        {value for key, value in backup.values.items() if key.startswith(keys.CAMERAS)}
        for backup in backups
    ]
    assert all(len(values) == 1 for values in seen)
    assert all(len(backup.values) == 51 for backup in backups)
    assert len(set().union(*seen)) > 1


@in_a_loop
async def test_the_next_member_is_asked_where_one_is_down(etcd: SingleEtcd) -> None:
    (port,) = free_ports(1)
    async with opened(etcd) as store:
        await begin(store)
    down = Endpoint(f"http://127.0.0.1:{port}", "n0")
    assert (await read_store(source(down, etcd.endpoint), CLOCK)).values


@in_a_loop
async def test_another_clusters_store_and_an_empty_one_are_refused(etcd: SingleEtcd) -> None:
    with pytest.raises(BackupError, match="no cluster yet"):
        await read_store(source(etcd.endpoint), CLOCK)
    async with opened(etcd) as store:
        await begin(store)
    with pytest.raises(BackupError, match="that of cluster 7, and this node is one of cluster 8"):
        await read_store(source(etcd.endpoint, number=8), CLOCK)


class Jumping(SystemClock):
    ahead_us = 0

    def boot_us(self) -> int:
        return super().boot_us() + self.ahead_us


@in_a_loop
async def test_a_node_keeps_backups_and_says_when_it_could_take_none_for_hours(
    etcd: SingleEtcd, tmp_path: Path
) -> None:
    clock = Jumping()
    asked = source(etcd.endpoint)
    keeper = BackupKeeper(lambda: asked, tmp_path / "backups", clock, Random(0))
    assert not await keeper.take()
    assert not keeper.problems
    clock.ahead_us = OLD_US + 1
    assert "for 3 hours" in keeper.problems[0]
    async with opened(etcd) as store:
        await begin(store)
    assert await keeper.take()
    assert not keeper.problems
    (path,) = (tmp_path / "backups").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert decode(path.read_bytes(), "it").header.incarnation == 3


@pytest.mark.parametrize("named", [True, False])
def test_the_command_writes_a_backup_to_a_file_or_beside_the_others(
    etcd: SingleEtcd, tmp_path: Path, named: bool
) -> None:
    text = settings_text("n1", 7, tmp_path / "data", [LinkSettings("a", "127.0.0.1")], [], [])
    path = tmp_path / "node.toml"
    path.write_text(f'{text}\n[[store.endpoints]]\nurl = "{etcd.url}"\nnode = "n1"\n')
    provision_node(read_settings(path), create_cluster(7, CLOCK), CLOCK)

    async def fill() -> None:
        async with opened(etcd) as store:
            await begin(store)

    asyncio.run(fill())
    wanted = tmp_path / "usb.backup"
    told = ["store", "backup", "--json", "--settings", str(path)]
    result = CliRunner().invoke(main, [*told, str(wanted)] if named else told)
    assert result.exit_code == 0, result.output
    document = json.loads(result.output)
    file = Path(document["file"])
    assert file == wanted if named else file.parent == tmp_path / "data" / "backups"
    assert len(decode(file.read_bytes(), "it").values) == document["keys"] == 1
