"""Resources as an operator enters, moves and removes them, in the store."""

from tandem.clock import Clock
from tandem.cluster.document import StoredValueError
from tandem.cluster.keys import NODES, RESOURCES, WISHES, IdError, identity, key
from tandem.cluster.model import LONGEST_S, SECOND_US, Node
from tandem.cluster.plan.resource import Resource
from tandem.cluster.plan.view import Wish
from tandem.cluster.wish import decode_wish, encode_wish
from tandem.node.control.definitions import Company, check_definition
from tandem.node.control.protocol import Definition, NotFoundError, RefusedError
from tandem.node.control.writing import OvertakenError, write
from tandem.node.store.protocol import Store


class ResourceStore:
    """The resources' part of `NodeControl`.

    Args:
        store: of the cluster.
        clock: of this node.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def resource(self, resource_id: str) -> Definition:
        """See `NodeControl.resource`."""
        entry = await self._store.get(_key(RESOURCES, resource_id))
        if entry is None:
            raise _no_such(resource_id)
        return Definition(Resource.decode(resource_id, entry.value), entry.mod_revision)

    async def put_resource(self, resource: Resource, revision: int) -> int:
        """See `NodeControl.put_resource`."""
        name = _key(RESOURCES, resource.resource_id)
        check_definition(resource, await self._company(resource.resource_id))
        if revision and (await self.resource(resource.resource_id)) == Definition(
            resource, revision
        ):
            return revision
        try:
            return await write(self._store, name, resource.encode(), revision)
        except OvertakenError as overtaken:
            raise _conflict(resource.resource_id, is_new=not revision) from overtaken

    async def remove_resource(self, resource_id: str, revision: int) -> None:
        """See `NodeControl.remove_resource`."""
        await self.resource(resource_id)
        company = await self._company(resource_id)
        for other in company.resources.values():
            if resource_id in {*other.after, *other.together}:
                raise RefusedError(
                    f"Resource {other.resource_id} needs {resource_id}: change or remove that one"
                    " first."
                )
        try:
            await write(self._store, _key(RESOURCES, resource_id), None, revision)
        except OvertakenError as overtaken:
            raise _conflict(resource_id, is_new=False) from overtaken
        await self._forget_wish(resource_id)

    async def move_resource(self, resource_id: str, node_id: str, for_s: int) -> None:
        """See `NodeControl.move_resource`."""
        found = (await self.resource(resource_id)).resource
        company = await self._company(resource_id)
        if node_id not in {it.node_id for it in company.nodes}:
            raise NotFoundError(f"There is no node '{node_id}'. `tandem node list` has them all.")
        if found.nodes and node_id not in found.nodes:
            raise RefusedError(
                f"Resource {resource_id} may run on {', '.join(found.nodes)} alone. Change its"
                f" nodes first: tandem resource edit {resource_id} --node …"
            )
        if not found.enabled:
            raise RefusedError(
                f"Resource {resource_id} is disabled: tandem resource enable {resource_id}."
            )
        if not 0 < for_s <= LONGEST_S:
            raise RefusedError("Send 'for_s', how long the move is to count, in seconds.")
        name, now_us = _key(WISHES, resource_id), self._clock.utc_us()
        wish = Wish(resource_id, node_id, now_us, now_us + for_s * SECOND_US)
        before = await self._store.get(name)
        try:
            await write(self._store, name, encode_wish(wish), before.mod_revision if before else 0)
        except OvertakenError as overtaken:
            raise RefusedError(
                f"Somebody else moves resource {resource_id} at this moment. Look where it is."
            ) from overtaken

    async def _forget_wish(self, resource_id: str) -> None:
        name = _key(WISHES, resource_id)
        if (found := await self._store.get(name)) is not None:
            try:
                decode_wish(resource_id, found.value)
                await write(self._store, name, None, found.mod_revision)
            except (OvertakenError, StoredValueError):
                return  # somebody else has said something of it since

    async def _company(self, but: str) -> Company:
        resources, nodes = {}, []
        for name, entry in (await self._store.range(RESOURCES)).entries.items():
            try:
                found = Resource.decode(identity(RESOURCES, name), entry.value)
            except (StoredValueError, IdError):
                continue  # told in the status; it is nobody's company until it can be read
            if found.resource_id != but:
                resources[found.resource_id] = found
        for name, entry in (await self._store.range(NODES)).entries.items():
            try:
                nodes.append(Node.decode(identity(NODES, name), entry.value))
            except (StoredValueError, IdError):
                continue
        return Company(resources, nodes)


def _key(prefix: str, resource_id: str) -> str:
    try:
        return key(prefix, resource_id)
    except IdError as problem:
        raise RefusedError(str(problem)) from None


def _no_such(resource_id: str) -> NotFoundError:
    return NotFoundError(
        f"There is no resource '{resource_id}'. `tandem resource list` has them all."
    )


def _conflict(resource_id: str, *, is_new: bool) -> RefusedError:
    if is_new:
        return RefusedError(
            f"Resource '{resource_id}' is there already: tandem resource edit {resource_id}."
        )
    return RefusedError(
        f"Resource '{resource_id}' has been changed by somebody else meanwhile. Look at it, and"
        " try again."
    )
