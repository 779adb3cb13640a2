"""Events and effects in few words, for a trace that can be read."""

from collections.abc import Mapping

from tandem.cluster.exclusive import events
from tandem.cluster.exclusive.values import Hold, Owner
from tandem.cluster.model import Session
from tandem.cluster.session import Stored

SILENT = (events.Tick, events.Say)


def brief(what: events.Event | events.Effect) -> str:
    name = type(what).__name__
    match what:
        case events.Done(nonce=nonce, revision=revision):
            return f"{name} {nonce} at {revision}"
        case events.Refused(view=view) | events.Answered(view=view) | events.Seen(view=view):
            return f"{name} {_view(view)}"
        case events.Words(suspects=suspects):
            said = (f"{who}: {' '.join(sorted(whom))}" for who, whom in sorted(suspects.items()))
            return f"{name} {', '.join(said)}"
        case events.Transact(nonce=nonce, writes=writes):
            said = (f"{it.name} {_value(it.value)} if {it.revision}" for it in writes)
            return f"{name} {nonce}: {'; '.join(said)}"
    return str(what)


def _view(view: events.View) -> str:
    parts = [f"@{view.revision}"]
    if view.cluster and view.cluster.incarnation > 1:
        parts.append(f"incarnation {view.cluster.incarnation}")
    sessions: Mapping[str, Stored | None] = view.sessions or {}
    parts += [
        f"{name} {_value(found.session) if found else 'none'}"
        for name, found in sorted(sessions.items())
    ]
    parts += [
        f"{name} {_value(found.owner) if found else 'none'}"
        for name, found in sorted((view.owners or {}).items())
    ]
    return "; ".join(parts)


def _value(value: object) -> str:
    match value:
        case Session(epoch=epoch, counter=counter, state=state):
            return f"{epoch}.{counter}" + ("" if value.is_live else f" {state}")
        case Owner(node_id=node, epoch=epoch, hold=hold):
            return f"of {node} in {epoch}" + ("" if hold is Hold.HELD else f" {hold}")
    return str(value)
