"""Definitions of resources: read from what is sent, and refused where they cannot run."""

import difflib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from tandem.clock import SystemClock
from tandem.cluster.coordinator import COORDINATOR
from tandem.cluster.document import Document, StoredValueError
from tandem.cluster.model import Node
from tandem.cluster.order import Mode
from tandem.cluster.plan.bundles import Precedence
from tandem.cluster.plan.resource import Resource
from tandem.node.control.protocol import VERSION, Json, RefusedError
from tandem.resources.checks.options import read_checks
from tandem.resources.kind import OptionError, Place
from tandem.resources.kinds import kind_called
from tandem.resources.options import checked_id

_FIELDS: Final = tuple(it.name for it in fields(Resource) if it.name != "resource_id")
_REFERENCES: Final = ("together", "never_together", "near", "apart", "after")
_NOWHERE: Final = Place("check", Path("/nonexistent"), Path("/nonexistent"), SystemClock())
"""A definition is only read: nothing is touched there."""


@dataclass(frozen=True, slots=True)
class Company:
    """What a definition has to fit to.

    Attributes:
        resources: all others, by id.
        nodes: of the cluster.
    """

    resources: Mapping[str, Resource]
    nodes: Collection[Node]


def definition_document(resource: Resource, revision: int) -> Json:
    """A definition, as it is shown and sent."""
    stored: Json = json.loads(resource.encode())
    del stored["version"]
    return {"resource_id": resource.resource_id, **stored, "revision": revision}


def read_definition(resource_id: str, body: bytes) -> tuple[Resource, int]:
    """Read what a PUT sends: the definition, and the revision that is to be changed.

    Raises:
        RefusedError: it cannot be read; says which field, and what to write.
    """
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError("What was sent is not JSON.") from None
    if not isinstance(sent, dict) or sent.get("version") != VERSION:
        raise RefusedError(f'Send a JSON object with "version": {VERSION}.')
    revision = sent.get("revision")
    if isinstance(revision, bool) or not isinstance(revision, int) or revision < 0:
        raise RefusedError("Send the 'revision' that is to be changed; 0 to enter a new resource.")
    given = {k: v for k, v in sent.items() if k not in {"version", "revision", "resource_id"}}
    for name in given:
        if name not in _FIELDS:
            near = difflib.get_close_matches(name, _FIELDS, n=1)
            meant = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(_FIELDS)}."
            raise RefusedError(f"Resource {resource_id}: there is no field '{name}'. {meant}")
    try:
        checked_id(resource_id)
        found = Resource.of(
            resource_id, Document(f"resource '{resource_id}'", given, "the definition")
        )
    except (StoredValueError, OptionError) as problem:
        raise RefusedError(str(problem)) from None
    return found, revision


def read_move(body: bytes) -> tuple[str, int]:
    """Read whereto a resource is to move, and for how many seconds that counts.

    Raises:
        RefusedError: it cannot be read.
    """
    try:
        sent = json.loads(body)
        node_id, for_s = sent["node"], sent["for_s"]
    except (ValueError, RecursionError, TypeError, KeyError):
        raise RefusedError("Send a JSON object with 'node' and 'for_s'.") from None
    if not isinstance(node_id, str) or isinstance(for_s, bool) or not isinstance(for_s, int):
        raise RefusedError("Send 'node' as text, and 'for_s' as a whole number of seconds.")
    return node_id, for_s


def check_definition(resource: Resource, company: Company) -> None:
    """Refuse what could never run, or not as it is meant.

    Raises:
        RefusedError: says which field is wrong, and what to write instead.
    """
    name = resource.resource_id
    if name == COORDINATOR:
        raise RefusedError(f"'{name}' is what Tandem itself calls who plans. Choose another name.")
    if resource.mode is Mode.SHARED:
        raise RefusedError(
            f"Resource {name}: mode: no node runs shared resources yet. Write 'soft' for what may"
            " run twice for a moment, such as an address, and 'strict' for what never may."
        )
    try:
        kept = kind_called(resource.kind).resource(name, resource.options, _NOWHERE)
        read_checks(f"Resource {name}", resource.checks)
    except OptionError as problem:
        raise RefusedError(str(problem)) from None
    why = kept.unprotected_because
    if resource.mode is Mode.STRICT and why and not resource.unprotected:
        raise RefusedError(
            f"Resource {name} would be strict, and nothing in the kernel ends it if its node hangs:"
            f" {why} Make it soft if that does no harm, keep it running as a process, or say that"
            " you rely on fencing: --unprotected."
        )
    for sentence in (*_places(resource, company), *_references(resource, company)):
        raise RefusedError(f"Resource {name}: {sentence}")


def _places(resource: Resource, company: Company) -> Iterator[str]:
    nodes = sorted(it.node_id for it in company.nodes)
    zones = sorted({it.zone for it in company.nodes if it.zone})
    for field, named, known, what in (
        ("nodes", resource.nodes, nodes, "node"),
        ("prefers", resource.prefers, nodes, "node"),
        ("zones", resource.zones, zones, "zone"),
    ):
        for it in named:
            if it not in known:
                there = f"There are: {', '.join(known)}." if known else f"No node has a {what}."
                yield f"{field}: there is no {what} '{it}'. {there}"
    for it in resource.prefers:
        if resource.nodes and it not in resource.nodes:
            yield f"prefers: '{it}' is not among its nodes ({', '.join(resource.nodes)}). Add it."


def _references(resource: Resource, company: Company) -> Iterator[str]:
    name = resource.resource_id
    for field in _REFERENCES:
        for it in getattr(resource, field):
            if it == name:
                yield f"{field}: it names itself. Leave that out."
            elif it not in company.resources:
                yield f"{field}: there is no resource '{it}'. Enter that one first."
    for it in resource.together:
        if it in resource.never_together:
            yield f"together, never_together: both name '{it}'. Leave one out."
    for other in company.resources.values():
        is_same_kind = resource.kind == "address" == other.kind
        if is_same_kind and resource.options.get("address") == other.options.get("address"):
            yield f"options: resource '{other.resource_id}' is this address already."
    everything = {**company.resources, name: resource}
    for who, needed in Precedence(everything).circles:
        if name in {who, needed} or who in resource.after:
            yield (
                f"after, group: {who} would wait for {needed}, which waits for it. Change what"
                " either is to run after, or their places in the group."
            )
