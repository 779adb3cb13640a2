"""What the suite is run against: the fake, and a real etcd. And how its tests are run."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import ParamSpec, Protocol
from uuid import uuid4

from tests.conformance.store.etcd_processes import SingleEtcd

from tandem.node.store.etcd import Deadlines, open_store
from tandem.node.store.fake import FakeStore
from tandem.node.store.model import Operation, Outcome, Put, Transaction
from tandem.node.store.protocol import Store

P = ParamSpec("P")

PATIENT = Deadlines(attempt_s=10, call_s=20)
"""For tests of anything but deadlines, on machines that do much else."""

TEST_S = 100


def in_a_loop(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run an async test; one that hangs fails."""

    async def limited(*args: P.args, **kwargs: P.kwargs) -> None:
        async with asyncio.timeout(TEST_S):
            await test(*args, **kwargs)

    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(limited(*args, **kwargs))

    run.__wrapped__ = test  # type: ignore[attr-defined]  # pytest reads its fixtures there
    run.__doc__ = test.__doc__
    return run


class Subject(Protocol):
    """A store under test. Several may be open on the same keys; `prefix` is this test's own."""

    prefix: str

    def open(self) -> AbstractAsyncContextManager[Store]: ...

    def compact(self, revision: int) -> None: ...


class FakeSubject:
    def __init__(self) -> None:
        self.prefix = "/conformance/"
        self.store = FakeStore()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Store, None]:
        yield self.store

    def compact(self, revision: int) -> None:
        self.store.keys.compact(revision)


class EtcdSubject:
    def __init__(self, etcd: SingleEtcd) -> None:
        self.prefix = f"/conformance/{uuid4()}/"
        self._etcd = etcd

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Store, None]:
        async with open_store([self._etcd.endpoint], Random(0), deadlines=PATIENT) as store:
            yield store

    def compact(self, revision: int) -> None:
        self._etcd.post("/v3/kv/compaction", {"revision": str(revision)})


async def eventually(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait until a condition holds; `in_a_loop` ends it if it never does."""
    while not await condition():  # noqa: ASYNC110
        await asyncio.sleep(0)


async def put(store: Store, key: str, value: bytes = b"") -> int:
    """Write a key; returns the revision."""
    return (await do(store, Put(key, value))).revision


async def do(store: Store, *operations: Operation) -> Outcome:
    """Carry out operations without conditions."""
    return await store.transact(Transaction(success=operations))
