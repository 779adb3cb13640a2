"""Fencing in the store: by which devices nodes are switched off, and the operator's word in place.

What is written is as the command sealed it: a password comes past no agent. An outcome that is
unknown is told; whoever asks looks, and tries again.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tandem.cluster.document import Document, StoredValueError
from tandem.cluster.keys import FENCING, SESSIONS, IdError, identity, key
from tandem.cluster.model import Session, SessionState
from tandem.node.control.protocol import VERSION, Json, NotFoundError, RefusedError
from tandem.node.fencing.definition import Fencing
from tandem.node.store.errors import StoreError
from tandem.node.store.model import Delete, Entry, Operation, Put, Transaction, unchanged
from tandem.node.store.protocol import Store

_SOON_S: Final = 2.0
"""As long as other nodes are waited for."""

_MEANWHILE: Final = "has been changed by somebody else meanwhile. Look, and try again."


class FencingControl:
    """The part of an agent that knows of fencing.

    Args:
        store: of the cluster.
        status: of this node, at once; tells whom it hears.
    """

    def __init__(self, store: Store, status: Callable[[], Json]) -> None:
        self._store, self._status = store, status

    async def listed(self) -> Json:
        """How each node is fenced, without what is sealed."""
        found = await self._store.range(FENCING)
        nodes, problems = {}, []
        for name, entry in found.entries.items():
            try:
                node_id = identity(FENCING, name)
                fields = _fields(Fencing.decode(node_id, entry.value))
            except (StoredValueError, IdError) as problem:
                problems.append(str(problem))
                continue
            for level in fields["levels"]:
                for device in level["devices"]:
                    del device["sealed"]
            nodes[node_id] = {**fields, "revision": entry.mod_revision}
        return {"version": VERSION, "nodes": nodes, "problems": problems}

    async def by_node(self) -> dict[str, list[str]] | None:
        """The agents by which each node is fenced; None: the store cannot be asked now."""
        try:
            async with asyncio.timeout(_SOON_S):
                found = await self.listed()
        except (StoreError, TimeoutError):
            return None  # the status tells that by itself
        return {
            node_id: [device["agent"] for level in it["levels"] for device in level["devices"]]
            for node_id, it in found["nodes"].items()
        }

    async def sealed(self, node_id: str) -> Json:
        """How a node is fenced, as it is stored; of use to whoever has the cluster's key.

        Raises:
            NotFoundError: it is not.
        """
        entry = await self._get(FENCING, node_id)
        if entry is None:
            raise NotFoundError(f"No fence device is entered for node '{node_id}'.")
        fields = _fields(Fencing.decode(node_id, entry.value))
        return {"version": VERSION, **fields, "revision": entry.mod_revision}

    async def put(self, node_id: str, body: bytes) -> Json:
        """Enter how a node is fenced; without a level: it is not any more.

        Raises:
            RefusedError: what was sent cannot be used, or something else stands there by now.
        """
        try:
            sent = json.loads(body)
            revision, levels = int(sent["revision"]), list(sent["levels"])
            fencing = Fencing.read(node_id, Document("what was sent", sent)) if levels else None
        except StoredValueError as problem:
            raise RefusedError(str(problem)) from None
        except (ValueError, KeyError, TypeError, RecursionError):
            raise RefusedError("Send 'levels' and the 'revision' that is to be changed.") from None
        name = _key(FENCING, node_id)
        change: Operation = Put(name, fencing.encode()) if fencing else Delete(name)
        await self._write(name, revision, change, f"The fencing of node '{node_id}' {_MEANWHILE}")
        return await self.listed()

    async def session(self, node_id: str) -> Json:
        """A node's session, and whether this node hears it.

        Raises:
            NotFoundError: it never had one.
        """
        found, revision = await self._session(node_id)
        return {
            "version": VERSION,
            "node_id": node_id,
            "state": found.state,
            "epoch": found.epoch,
            "revision": revision,
            "heard": self._hears(node_id),
        }

    async def confirm_off(self, node_id: str, revision: int) -> Json:
        """Take the operator's word that a node is off, as if fencing had confirmed it.

        Args:
            node_id: the node.
            revision: of its session when it was read; one that was renewed since is alive.

        Raises:
            RefusedError: it is known to be on.
            NotFoundError: it never had a session.
        """
        if self._hears(node_id):
            raise RefusedError(
                f"Node '{node_id}' is heard by this node: it is on. Nothing was confirmed."
            )
        found, now = await self._session(node_id)
        renewed = (
            f"The session of node '{node_id}' was changed while you were asked: it may be on."
            " Nothing was confirmed."
        )
        if now != revision:
            raise RefusedError(renewed)
        if found.state is not SessionState.OFF:
            epoch = found.epoch + 1 if found.is_live else found.epoch
            name = _key(SESSIONS, node_id)
            off = replace(found, epoch=epoch, state=SessionState.OFF)
            await self._write(name, revision, Put(name, off.encode()), renewed)
        return await self.session(node_id)

    def _hears(self, node_id: str) -> bool:
        status = self._status()
        return node_id == status["node_id"] or any(
            peer["node_id"] == node_id and not peer["suspected"] for peer in status["peers"]
        )

    async def _session(self, node_id: str) -> tuple[Session, int]:
        entry = await self._get(SESSIONS, node_id)
        if entry is None:
            raise NotFoundError(f"There is no node '{node_id}'. `tandem node list` has them all.")
        return Session.decode(node_id, entry.value), entry.mod_revision

    async def _get(self, prefix: str, node_id: str) -> Entry | None:
        return await self._store.get(_key(prefix, node_id))

    async def _write(self, name: str, revision: int, change: Operation, refusal: str) -> None:
        outcome = await self._store.transact(Transaction((unchanged(name, revision),), (change,)))
        if not outcome.succeeded:
            raise RefusedError(refusal)


def _key(prefix: str, node_id: str) -> str:
    try:
        return key(prefix, node_id)
    except IdError as problem:
        raise RefusedError(str(problem)) from None


def _fields(fencing: Fencing) -> Json:
    fields: Json = json.loads(fencing.encode())
    del fields["version"]
    return fields
