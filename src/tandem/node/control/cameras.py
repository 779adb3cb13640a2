"""Cameras in the store: entered, changed and removed by compare-and-swap.

An outcome may be unknown. Then what counts is what stands there: if it is what was wanted, whoever
wrote it, all is done. If nothing has moved, the attempt is repeated with the same comparison: one
of both is carried out at most. Whatever else stands there was written by somebody who came later.
"""

from dataclasses import dataclass, replace
from typing import Final

from tandem.cluster.document import StoredValueError
from tandem.cluster.keys import CAMERAS, PLACEMENTS, IdError, identity, key
from tandem.cluster.model import Camera, Placement
from tandem.node.control.checks import check_camera
from tandem.node.control.protocol import (
    CameraEntry,
    CameraList,
    ConflictError,
    KeptLogin,
    NewLogin,
    NotFoundError,
    RefusedError,
)
from tandem.node.seal import Sealer, SealError
from tandem.node.store.errors import UnknownOutcomeError
from tandem.node.store.model import Entry, Put, Transaction, unchanged
from tandem.node.store.protocol import Store

MOST_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class _Found:
    """A camera's key."""

    camera: Camera
    revision: int


class CameraStore:
    """The cameras' part of `NodeControl`.

    Args:
        store: of the cluster.
        sealer: of its logins.
    """

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer

    async def cameras(self) -> CameraList:
        """See `NodeControl.cameras`."""
        found = await self._store.range(CAMERAS)
        placed = await self._store.range(PLACEMENTS)
        entries, problems = [], []
        for name, entry in found.entries.items():
            try:
                camera = Camera.decode(identity(CAMERAS, name), entry.value)
                placement = _placement(
                    camera.camera_id, placed.entries.get(PLACEMENTS + camera.camera_id)
                )
            except (StoredValueError, IdError) as problem:
                problems.append(str(problem))
                continue
            if not camera.removed:
                entries.append(CameraEntry(camera, entry.mod_revision, placement))
        return CameraList(tuple(entries), tuple(problems))

    async def camera(self, camera_id: str) -> CameraEntry:
        """See `NodeControl.camera`."""
        found = await self._found(camera_id)
        if found is None or found.camera.removed:
            raise _no_such(camera_id)
        return await self._entry(found)

    async def put_camera(self, camera: Camera, login: NewLogin, revision: int) -> int:
        """See `NodeControl.put_camera`.

        Raises:
            RefusedError: such a camera cannot be recorded.
        """
        check_camera(camera)
        found = await self._expected(camera.camera_id, revision, is_new=revision == 0)
        wanted = replace(camera, removed=False, login=self._sealed(camera.camera_id, found, login))
        if found is not None and found.camera == wanted:
            return found.revision
        return await self._write(wanted, revision)

    async def remove_camera(self, camera_id: str, revision: int) -> None:
        """See `NodeControl.remove_camera`."""
        found = await self._expected(camera_id, revision, is_new=False)
        if found is not None:
            await self._write(replace(found.camera, removed=True, login=None), revision)

    def _sealed(self, camera_id: str, found: _Found | None, login: NewLogin) -> str | None:
        present = found.camera.login if found else None
        if login is None:
            return None
        if login is KeptLogin.KEPT:
            return present
        try:
            if present is not None and self._sealer.unseal(camera_id, present) == login:
                return present
        except SealError:
            pass  # it is replaced: that is the remedy
        return self._sealer.seal(camera_id, login.username, login.password)

    async def _expected(self, camera_id: str, revision: int, *, is_new: bool) -> _Found | None:
        """The camera as it was read by whoever wants to change it; None for one that is new."""
        found = await self._found(camera_id)
        if is_new:
            if found is not None:
                raise await self._conflict(found, "is there already")
            return None
        if found is None or found.camera.removed:
            raise _no_such(camera_id)
        if found.revision != revision:
            raise await self._conflict(found, "has been changed by somebody else meanwhile")
        return found

    async def _write(self, wanted: Camera, compared: int) -> int:
        name = key(CAMERAS, wanted.camera_id)
        transaction = Transaction((unchanged(name, compared),), (Put(name, wanted.encode()),))
        for attempt in range(1, MOST_ATTEMPTS + 1):
            try:
                outcome = await self._store.transact(transaction)
            except UnknownOutcomeError:
                if attempt == MOST_ATTEMPTS:
                    raise
                if (done := await self._standing(wanted, compared)) is not None:
                    return done
                continue
            if outcome.succeeded:
                return outcome.revision
            break
        # An earlier attempt may have arrived at last.
        if attempt > 1 and (done := await self._standing(wanted, compared)) is not None:
            return done
        raise await self._overtaken(wanted.camera_id)

    async def _standing(self, wanted: Camera, compared: int) -> int | None:
        """The revision of what stands there if it is what was wanted; None if nothing moved."""
        found = await self._found(wanted.camera_id)
        revision = found.revision if found else 0
        if revision == compared:
            return None
        if found is not None and found.camera == wanted:
            return revision
        raise await self._overtaken(wanted.camera_id)

    async def _overtaken(self, camera_id: str) -> Exception:
        found = await self._found(camera_id)
        if found is None:
            return _no_such(camera_id)
        return await self._conflict(found, "has been changed by somebody else meanwhile")

    async def _conflict(self, found: _Found, what: str) -> ConflictError:
        camera_id = found.camera.camera_id
        if found.camera.removed:
            return ConflictError(
                f"Camera '{camera_id}' was removed, and ids are never used again since its"
                " recordings may still be there. Give the new one another id.",
                None,
            )
        return ConflictError(f"Camera '{camera_id}' {what}.", await self._entry(found))

    async def _entry(self, found: _Found) -> CameraEntry:
        camera_id = found.camera.camera_id
        placed = await self._store.get(key(PLACEMENTS, camera_id))
        return CameraEntry(found.camera, found.revision, _placement(camera_id, placed))

    async def _found(self, camera_id: str) -> _Found | None:
        try:
            entry = await self._store.get(key(CAMERAS, camera_id))
        except IdError as problem:
            raise RefusedError(str(problem)) from None
        if entry is None:
            return None
        return _Found(Camera.decode(camera_id, entry.value), entry.mod_revision)


def _placement(camera_id: str, entry: Entry | None) -> Placement | None:
    return None if entry is None else Placement.decode(camera_id, entry.value)


def _no_such(camera_id: str) -> NotFoundError:
    return NotFoundError(f"There is no camera '{camera_id}'. `tandem camera list` has them all.")
