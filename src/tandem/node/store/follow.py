"""Following a prefix: always the whole of it, never only what changed (level-triggered).

A consumer that counts on being told each change once breaks in silence when it is not: by a watch
that lags, by a member that hangs, by one of etcd's watch bugs. One that is always shown the whole
may be late and is never wrong for long. So there are no deltas here and nothing is queued: who is
slow sees the newest view next, and none of those between.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from random import Random
from types import MappingProxyType

from tandem.node.store.errors import CompactedError, StoreUnavailableError
from tandem.node.store.model import Change, Entry, Snapshot
from tandem.node.store.protocol import Store

RELIST_EVERY_S = 10.0
"""How late a change may be seen where the watch keeps silent."""

RETRY_S = (0.05, 1.0)
"""First and longest delay before the store is asked again after it failed; jittered."""


@asynccontextmanager
async def follow(
    store: Store, prefix: str, random: Random, *, relist_every_s: float = RELIST_EVERY_S
) -> AsyncGenerator["Views", None]:
    """Follow all keys with a prefix, for as long as the context is open.

        async with follow(store, "/tandem/v1/placements/", random) as views:
            async for snapshot in views:
                ...

    While the store is unavailable nothing is shown: the last view stands, and no error is raised.
    Whoever has to know how old it is, judges by what he renews himself.

    Args:
        store: to be followed.
        prefix: of the keys.
        random: jitters the retries.
        relist_every_s: between two listings that show whether the watch has missed anything.

    Raises:
        StoreRefusedError: the store will not have us, and waiting would not help; from the context,
            in an `ExceptionGroup`.
    """
    views = Views(store, prefix, random)
    async with asyncio.TaskGroup() as group:
        attending = group.create_task(views.attend())
        listing = group.create_task(views.relist(relist_every_s))
        try:
            yield views
        finally:
            attending.cancel()
            listing.cancel()


class Views:
    """The newest view of a prefix, each time that it is another one; an async iterator.

    The first is there as soon as the prefix has been listed. The revisions of the snapshots grow.

    Attributes:
        watches: how many watches were begun; more than one says that one broke or lagged.

    Args:
        store: to be followed.
        prefix: of the keys.
        random: jitters the retries.
    """

    def __init__(self, store: Store, prefix: str, random: Random) -> None:
        self.watches = 0
        self._store = store
        self._prefix = prefix
        self._random = random
        self._entries: dict[str, Entry] = {}
        self._revision = 0  # entries are as they stood here; 0 asks for a listing
        self._news = asyncio.Event()
        self._watching: asyncio.Timeout | None = None  # ends the watch that stands
        self._failures = 0

    def __aiter__(self) -> "Views":
        return self

    async def __anext__(self) -> Snapshot:
        """Wait until there is something that was not shown yet; cancelling loses nothing."""
        await self._news.wait()
        self._news.clear()
        ordered: Mapping[str, Entry] = dict(sorted(self._entries.items()))
        return Snapshot(self._revision, MappingProxyType(ordered))

    async def attend(self) -> None:
        """Keep the view up with a watch, and begin another wherever one breaks; never returns."""
        while True:
            try:
                if not self._revision:
                    self._adopt(await self._store.range(self._prefix), first=True)
                await self._watch()
            except CompactedError:
                self._revision = 0
            except TimeoutError:
                continue  # `relist` knew more than this watch: take another at once
            except StoreUnavailableError:
                pass
            await asyncio.sleep(self._delay_s())

    async def relist(self, every_s: float) -> None:
        """List in between, and leave a watch that has not told what the listing shows.

        The listing may have overtaken an event that is on its way. That costs a new watch now and
        then, and is not worth telling apart.
        """
        while True:
            await asyncio.sleep(every_s)
            try:
                listed = await self._store.range(self._prefix)
            except StoreUnavailableError:
                continue
            if self._revision and self._adopt(listed):
                self._leave_watch()

    async def _watch(self) -> None:
        self.watches += 1
        feed = self._store.changes(self._prefix, self._revision + 1)
        try:
            async with asyncio.timeout(None) as self._watching, aclosing(feed):
                async for changes in feed:
                    self._failures = 0
                    self._apply(changes)
        finally:
            self._watching = None

    def _leave_watch(self) -> None:
        """Make the watch that stands, if one does, end with a `TimeoutError`."""
        if self._watching:
            self._watching.reschedule(0)
            self._watching = None

    def _apply(self, changes: tuple[Change, ...]) -> None:
        """Take what a watch told; what a listing has shown already is passed over."""
        for change in (change for change in changes if change.revision > self._revision):
            if change.entry is None:
                self._entries.pop(change.key, None)
            else:
                self._entries[change.key] = change.entry
            self._news.set()
        if changes:
            self._revision = max(self._revision, changes[-1].revision)

    def _adopt(self, listed: Snapshot, *, first: bool = False) -> bool:
        """Take a listing, unless the watch is ahead of it; returns whether it told any news."""
        if listed.revision < self._revision:
            return False
        differs = listed.entries != self._entries
        self._entries = dict(listed.entries)
        self._revision = listed.revision
        if differs or first:
            self._news.set()
        return differs

    def _delay_s(self) -> float:
        self._failures += 1
        first, longest = RETRY_S
        ceiling = min(longest, first * (1 << min(self._failures, 10)))
        return ceiling * self._random.uniform(0.5, 1.0)
