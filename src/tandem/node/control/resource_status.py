"""How each resource is, and what is wrong with it: of the store, and of what nodes say. Pure.

A dead node's word stands in the store for a while (it "holds" what it took), and is no running
resource: only a node that answers can say that something runs.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from tandem.cluster.exclusive.values import Hold
from tandem.cluster.order import Mode
from tandem.cluster.plan.resource import Resource
from tandem.node.control.agreed import Agreed
from tandem.node.control.protocol import Json

_RUNNING: Final = "running"


def resources_of(agreed: Agreed, statuses: Mapping[str, Json | None]) -> list[Json]:
    """Each resource, by name.

    Args:
        agreed: what stands in the store.
        statuses: of all nodes; None of those that do not answer.
    """
    plan = _plan(statuses)
    return [
        _described(resource, agreed, statuses, plan.get(name, {}))
        for name, resource in sorted(agreed.resources.items())
    ]


def resource_troubles(resources: Sequence[Json]) -> list[str]:
    """Which do not run and should, and why; what else is wrong with one, its nodes tell."""
    return [it["why_not"] for it in resources if it["why_not"]]


def resource_concerns(
    resources: Iterable[Resource], nodes: Iterable[str], fenced: Collection[str] | None
) -> list[str]:
    """To what those that must never run twice are open, in sentences.

    Args:
        resources: as they are defined.
        nodes: all of the cluster.
        fenced: those of them that another node can switch off; None: nobody knows now.
    """
    if fenced is None:
        return []
    everywhere, found = sorted(nodes), []
    strict = [it for it in resources if it.mode is Mode.STRICT and it.enabled]
    loose = {
        it.resource_id: [node for node in it.nodes or everywhere if node not in fenced]
        for it in strict
    }
    if names := sorted(name for name, where in loose.items() if where):
        unfenced = sorted({node for where in loose.values() for node in where})
        found.append(
            f"Open to a paused machine: {', '.join(names)}. If the machine that runs it stands"
            " still as a whole (a virtual machine that is stopped) and goes on after another node"
            " has taken over, both run for a moment, unless what it writes to refuses old tokens."
            f" Fence {', '.join(unfenced)} (`tandem fence add`), and never pause a node."
        )
    if names := sorted(it.resource_id for it in strict if it.unprotected):
        found.append(
            f"Unprotected: {', '.join(names)}. If its node hangs, nothing ends it there in time,"
            " and it may run twice. You have said that you rely on fencing (--unprotected)."
        )
    return found


def _plan(statuses: Mapping[str, Json | None]) -> Mapping[str, Json]:
    """What the coordinator says of each; nothing while there is none."""
    for status in statuses.values():
        found = (status or {}).get("plan")
        if isinstance(found, dict):
            return found.get("resources") or {}
    return {}


def _described(
    resource: Resource, agreed: Agreed, statuses: Mapping[str, Json | None], planned: Json
) -> Json:
    name = resource.resource_id
    order, owner = agreed.orders.get(name), agreed.owners.get(name)
    said = {
        node_id: one
        for node_id, status in statuses.items()
        for one in (status or {}).get("resources") or ()
        if one.get("resource") == name
    }
    phases = {node_id: str(one.get("phase")) for node_id, one in said.items()}
    active = sorted(node_id for node_id, phase in phases.items() if phase != "stopped")
    running = [node_id for node_id in active if phases[node_id] == _RUNNING]
    held_by = owner.node_id if owner and owner.hold is Hold.HELD else None
    if active:
        state = _RUNNING if running else phases[active[0]]
    elif held_by is not None and statuses.get(held_by) is None:
        state = "unknown"
    else:
        state = "stopped" if resource.enabled else "disabled"
    here = running or active
    nodes = list(order.nodes) if order else []
    wish = agreed.wishes.get(name)
    document: Json = {
        "resource_id": name,
        "kind": resource.kind,
        "mode": resource.mode,
        "enabled": resource.enabled,
        "unprotected": resource.unprotected,
        "state": state,
        "nodes": here,
        "held_by": held_by,
        "token": next((said[it].get("token") for it in here), None),
        "order": nodes,
        "next": [it for it in nodes if it not in here],
        "moved_us": list(order.moved_us) if order else [],
        "wish": {"node": wish.node_id, "until_us": wish.until_us} if wish else None,
        "says": planned.get("says"),
        "why": planned.get("why") or [],
    }
    problems = _told(said, "problem", f"Resource {name} on")
    failures = _told(said, "failure", "The last time it failed on")
    absence = " ".join([why, *failures]) if (why := _absence(document, statuses)) else None
    return document | {"why_not": absence, "problems": problems, "failures": failures}


def _told(said: Mapping[str, Json], field: str, begins: str) -> list[str]:
    """What each node tells of it there, as sentences that begin like this."""
    return [
        f"{begins} {name}: {one[field]}" for name, one in sorted(said.items()) if one.get(field)
    ]


def _absence(it: Json, statuses: Mapping[str, Json | None]) -> str:
    """Why it does not run though it should; empty where it is as it should be."""
    name, order, state = it["resource_id"], it["order"], it["state"]
    here = ", ".join(it["nodes"])
    if not it["enabled"]:
        return f"Resource {name} is disabled, and still {state} on {here}." if here else ""
    if state == _RUNNING:
        return ""
    if here:
        return f"Resource {name} is {state} on {here}, and does not run."
    if state == "unknown":
        others = ", ".join(node for node in it["next"] if node != it["held_by"])
        follows = f"{others} takes it over" if others else "no other node can take it over"
        reason = f"{it['held_by']} had it, and does not answer; {follows}."
    elif order:
        absent = statuses.get(order[0]) is None
        doing = "which does not answer" if absent else "which has not begun to run it"
        reason = f"it is to run on {order[0]}, {doing}."
    elif it["says"]:
        reason = str(it["says"]).partition(": ")[2] or str(it["says"])
    else:
        reason = "no node plans for it. See the sessions of the nodes, and the store."
    return f"Resource {name} runs nowhere: {reason}"
