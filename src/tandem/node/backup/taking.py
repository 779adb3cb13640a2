"""Taking a backup: the store is read in pages, all at one revision, and a file is written.

In pages, since all of 10,000 cameras in one answer would keep the agent from its heartbeats.
"""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tandem.clock import Clock
from tandem.cluster import keys
from tandem.cluster.document import StoredValueError
from tandem.cluster.identity import ClusterIdentity
from tandem.node.backup.document import Backup, BackupError, Header, encode
from tandem.node.backup.keeping import name_of, superfluous
from tandem.node.secret_file import write_secret
from tandem.node.store import answers, gateway
from tandem.node.store.endpoint import Endpoint, EndpointClient
from tandem.node.store.errors import StoreError

PAGE_KEYS: Final = 500
PAGE_S: Final = 10.0
WHOLE_S: Final = 240.0
"""Shorter than the past is kept (`node.etcd.options.COMPACTION`)."""


@dataclass(frozen=True, slots=True)
class Source:
    """Which store is read, and by whom.

    Attributes:
        cluster_number: of the cluster.
        node_id: this node.
        endpoints: in the order in which they are asked.
        tls: for those that are asked by https.
    """

    cluster_number: int
    node_id: str
    endpoints: Sequence[Endpoint]
    tls: ssl.SSLContext


async def read_store(source: Source, clock: Clock) -> Backup:
    """Read all of Tandem's keys as they stand now.

    Raises:
        BackupError: no member could be read, or it is another cluster's store.
    """
    problems = []
    for endpoint in source.endpoints:
        is_encrypted = endpoint.url.startswith("https://")
        client = EndpointClient(endpoint, source.tls if is_encrypted else None)
        try:
            async with asyncio.timeout(WHOLE_S):
                revision, values = await _read(client)
            return _checked(source, revision, values, clock)
        except TimeoutError:
            problems.append(f"{endpoint.name} took longer than {WHOLE_S:.0f} s.")
        except StoreError as problem:
            problems.append(str(problem))
        except answers.MALFORMED as problem:
            problems.append(f"{endpoint.name} answers like no etcd ({problem!r}).")
        finally:
            await client.close()
    raise BackupError(f"The store cannot be read. {' '.join(problems)}")


def write_backup(backup: Backup, path: Path) -> None:
    """Write a backup, whole or not at all, for this user alone. Blocks.

    Raises:
        OSError: the disk refuses.
    """
    write_secret(path, encode(backup))


def keep_backup(backup: Backup, directory: Path) -> Path:
    """Write a backup beside the earlier ones, and delete those that may go. Blocks.

    Raises:
        OSError: the disk refuses.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / name_of(backup.header)
    write_backup(backup, path)
    for name in superfluous(it.name for it in directory.iterdir()):
        (directory / name).unlink(missing_ok=True)
    return path


async def _read(client: EndpointClient) -> tuple[int, dict[str, bytes]]:
    question = gateway.page_request(keys.ROOT, PAGE_KEYS)
    values: dict[str, bytes] = {}
    revision = 0
    while True:
        answer = await client.ask(gateway.RANGE, question, PAGE_S)
        has_more = bool(answer.pop("more", False))
        found = answers.parse_snapshot(answer)
        revision = revision or found.revision
        values |= {key: entry.value for key, entry in found.entries.items()}
        if not has_more:
            return revision, values
        question = gateway.page_request(keys.ROOT, PAGE_KEYS, max(found.entries), revision)


def _checked(source: Source, revision: int, values: dict[str, bytes], clock: Clock) -> Backup:
    if keys.CLUSTER not in values:
        raise BackupError("The store holds no cluster yet: there is nothing to keep.")
    try:
        identity = ClusterIdentity.decode(values[keys.CLUSTER])
    except StoredValueError as problem:
        raise BackupError(str(problem)) from problem
    if identity.number != source.cluster_number:
        raise BackupError(
            f"The store is that of cluster {identity.number}, and this node is one of cluster"
            f" {source.cluster_number}."
        )
    header = Header(identity.number, identity.incarnation, revision, clock.utc_us(), source.node_id)
    return Backup(header, values)
