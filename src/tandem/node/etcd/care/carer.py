"""`Carer`: keeps the store in room and speed, each node its own member. A thin shell."""

import asyncio
import logging
import secrets
import ssl
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from tandem.clock import Clock
from tandem.cluster import keys
from tandem.cluster.document import encode
from tandem.node.etcd.care import words
from tandem.node.etcd.care.decide import (
    Action,
    Compact,
    Defragment,
    Disarm,
    EndTurn,
    HandOver,
    TakeTurn,
    alarms_of,
    decide,
)
from tandem.node.etcd.care.members import Members, Told, open_members
from tandem.node.etcd.care.pace import Pace
from tandem.node.etcd.care.view import NO_SPACE, MemberView, View
from tandem.node.etcd.options import QUOTA_BYTES
from tandem.node.store import gateway
from tandem.node.store.endpoint import Endpoint
from tandem.node.store.errors import CompactedError, StoreError
from tandem.node.store.model import Delete, Entry, Put, Transaction, unchanged
from tandem.node.store.protocol import Store

log = logging.getLogger(__name__)

ACT_S: Final = 30.0
"""What a defragmentation may take; of 2 GiB it takes about ten seconds on an SSD."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often is looked, and how long is waited.

    Attributes:
        look_s: between two looks; jittered.
        busy_s: between two looks while there is something to do.
        turn_us: for how long a turn is another node's, by this node's clock, from when this node
            saw it. Its owner ends it earlier, by its own.
        quiet_us: after this, quiet is no longer waited for.
        again_us: after a defragmentation that failed.
        hand_over_us: between two moves of leadership to a faster disk.
    """

    look_s: float = 30.0
    busy_s: float = 1.0
    turn_us: int = 90_000_000
    quiet_us: int = 3_600_000_000
    again_us: int = 3_600_000_000
    hand_over_us: int = 600_000_000


QUIET_PER_S: Final = 200
"""Changes of the store: fewer than this, and a moment without one of three members is nothing.
Sessions of 30 nodes make a hundred."""


class Carer:
    """Looks after this node's member of the store.

    Args:
        node_id: this node.
        endpoints: of all members and links.
        tls: as `tandem.node.tls.client_context` makes it; None for an etcd without TLS.
        store: where turns are taken.
        clock: of this node.
        random: jitters the looks.
        quota_bytes: of the members.
        patience: how long is waited for what.

    Attributes:
        concerns: what is to be considered, in sentences.
        problems: what is wrong, in sentences.
    """

    def __init__(
        self,
        node_id: str,
        endpoints: Callable[[], Sequence[Endpoint]],
        tls: ssl.SSLContext | None,
        store: Store,
        clock: Clock,
        random: Random,
        quota_bytes: int = QUOTA_BYTES,
        patience: Patience = Patience(),
    ) -> None:
        self.concerns: tuple[str, ...] = ()
        self.problems: tuple[str, ...] = ()
        self._node_id, self._endpoints, self._tls = node_id, endpoints, tls
        self._store, self._clock, self._random = store, clock, random
        self._quota_bytes, self._patience = quota_bytes, patience
        self._paces: dict[str, Pace] = {}
        self._answered_us: dict[str, int] = {}
        self._began_us = clock.boot_us()
        self._last_index: tuple[int, int] | None = None
        self._busy_since_us: int | None = None
        self._turn: Entry | None = None
        self._turn_seen_us = 0
        self._attempts: dict[bytes, int] = {}
        self._compacted = False
        self._failure = ""
        self._not_before_us = 0
        self._handed_over_us: int | None = None

    async def run(self) -> None:
        """Look and act until cancelled."""
        while True:
            acted = await self.look()
            pause_s = self._patience.busy_s if acted else self._patience.look_s
            await asyncio.sleep(pause_s * self._random.uniform(0.75, 1.25))

    async def look(self) -> bool:
        """Look once, and do what is to be done; returns whether there is more to be done soon."""
        async with open_members(self._endpoints(), self._tls) as members:
            view = await self._turn_in(self._view(await members.look()))
            self._compacted = self._compacted and view.is_full
            action = decide(view)
            self._tell(view)
            if action:
                await self._carry_out(action, members)
            return view.is_full or action is not None

    # --- What is seen ----------------------------------------------------------------------------

    def _view(self, told: Mapping[str, Told]) -> View:
        now_us = self._clock.boot_us()
        members = {node: self._member(node, it, now_us) for node, it in told.items()}
        handed_us = self._handed_over_us
        return View(
            self._node_id,
            members,
            self._quota_bytes,
            is_quiet=self._is_quiet(told, now_us),
            is_compacted=self._compacted,
            may_defragment=now_us >= self._not_before_us,
            may_hand_over=handed_us is None or now_us - handed_us >= self._patience.hand_over_us,
        )

    def _member(self, node: str, told: Told, now_us: int) -> MemberView:
        status, pace = told.status, self._paces.setdefault(node, Pace())
        if status.problem:
            return MemberView(
                silent_us=max(1, now_us - self._answered_us.get(node, self._began_us))
            )
        self._answered_us[node] = now_us
        if told.sample:
            pace.note(now_us, told.sample)
        return MemberView(
            member=status.member,
            leader=status.leader,
            size_bytes=status.size_bytes,
            in_use_bytes=status.in_use_bytes,
            revision=status.revision,
            alarms=alarms_of(status.alarms),
            fsync_p99_us=pace.fsync_p99_us,
        )

    def _is_quiet(self, told: Mapping[str, Told], now_us: int) -> bool:
        index = max(it.status.raft_index for it in told.values())
        last, self._last_index = self._last_index, (now_us, index)
        if last is None or now_us <= last[0]:
            return False
        if (index - last[1]) * 1e6 / (now_us - last[0]) <= QUIET_PER_S:
            self._busy_since_us = None
            return True
        if self._busy_since_us is None:
            self._busy_since_us = now_us
        return now_us - self._busy_since_us > self._patience.quiet_us

    async def _turn_in(self, view: View) -> View:
        """Who has the turn. Another's is over when its time is, by this node's clock alone."""
        try:
            found = await self._store.get(keys.STORE_CARE)
        except StoreError:
            return view  # nobody has it, and it is not free
        now_us = self._clock.boot_us()
        if found != self._turn:
            self._turn, self._turn_seen_us = found, now_us
        if found is None:
            return replace(view, turn_is_free=True)
        taken_us = self._attempts.get(found.value)
        # Enough must be left of it for all that may be begun under it.
        ends_us = self._patience.turn_us * 9 // 10 - round(ACT_S * 1e6)
        if taken_us is not None and now_us - taken_us < ends_us:
            return replace(view, has_turn=True)
        return replace(view, turn_is_free=now_us - self._turn_seen_us > self._patience.turn_us)

    # --- What is done ----------------------------------------------------------------------------

    async def _carry_out(self, action: Action, members: Members) -> None:
        try:
            async with asyncio.timeout(ACT_S):
                await self._act(action, members)
        except (StoreError, TimeoutError) as problem:
            said = str(problem) or f"there was no end within {ACT_S:.0f} s"
            log.warning("%s was not done: %s", type(action).__name__, said)
            if isinstance(action, Defragment):
                self._not_before_us = self._clock.boot_us() + self._patience.again_us
                self._failure = (
                    f"The store's file on {self._node_id} could not be made smaller: {said}"
                    f" Is there room on its disk (`df -h`)? It is tried again within the hour."
                )
            return
        if isinstance(action, Defragment):
            self._failure = ""

    async def _act(self, action: Action, members: Members) -> None:
        match action:
            case TakeTurn():
                await self._take_turn()
            case EndTurn():
                await self._end_turn()
            case Defragment():
                log.info("the store's file on this node is made smaller")
                await members.ask(self._node_id, gateway.DEFRAGMENTATION, {}, ACT_S)
            case HandOver(node, member, for_speed):
                if for_speed:
                    self._handed_over_us = self._clock.boot_us()
                why = "its disk is faster" if for_speed else "ours is out of service in a moment"
                log.info("the store's member on %s is to lead: %s", node, why)
                question = gateway.transfer_request(member)
                await members.ask(self._node_id, gateway.TRANSFER, question, ACT_S)
            case Compact(revision):
                log.warning("the store is full: what was before revision %d is let go", revision)
                await self._compact(members, revision)
            case Disarm(raising):
                for member in raising:
                    question = gateway.disarm_request(member, NO_SPACE)
                    await members.ask(self._node_id, gateway.ALARM, question, ACT_S)
                log.warning("the store has room, and takes writes again")

    async def _compact(self, members: Members, revision: int) -> None:
        with suppress(CompactedError):  # another node was faster
            question = gateway.compaction_request(revision)
            await members.ask(self._node_id, gateway.COMPACTION, question, ACT_S)
        self._compacted = True

    async def _take_turn(self) -> None:
        value = encode({"node": self._node_id, "nonce": secrets.token_hex(8)})
        sent_us = self._clock.boot_us()
        self._attempts = {value: sent_us}
        compared = unchanged(keys.STORE_CARE, self._turn.mod_revision if self._turn else 0)
        await self._store.transact(Transaction((compared,), (Put(keys.STORE_CARE, value),)))

    async def _end_turn(self) -> None:
        if self._turn:
            compared = unchanged(keys.STORE_CARE, self._turn.mod_revision)
            await self._store.transact(Transaction((compared,), (Delete(keys.STORE_CARE),)))

    # --- What is told ----------------------------------------------------------------------------

    def _tell(self, view: View) -> None:
        changes = self._paces.setdefault(self._node_id, Pace()).leader_changes
        self.concerns = tuple(words.concerns(view, changes))
        said = tuple(words.problems(view, self._failure))
        for problem in said:
            if problem not in self.problems:
                log.error("%s", problem)
        self.problems = said
