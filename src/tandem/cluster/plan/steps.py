"""Who starts and stops what, and after what (rule P7).

Steps lead from what runs now to what should. Each names what must be so before it is taken: a node
waits for that to be true, and not for a message, so a step that is lost or done twice harms nobody.

- what needs something starts after it, and has stopped before it stops
- something exclusive starts when it has stopped on every node that is there. For a node that is not
  there stands the ownership of the resource, which a start always needs
- something shared stops when it runs in its new place, unless what it needs is interrupted
- what needs something that was taken later than it was itself begins anew
- what needs something that begins anew where it is starts by the next plan: that it runs would be
  true before it has stopped as well
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from tandem.cluster.plan.site import Site


class Verb(enum.StrEnum):
    """What a node does."""

    START = "start"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Done:
    """What a step waits for.

    Attributes:
        resource_id: that this resource
        node_id: on this node
        verb: runs (`start`) or does not run any more (`stop`).
    """

    resource_id: str
    node_id: str
    verb: Verb

    def __str__(self) -> str:
        verb = "runs" if self.verb is Verb.START else "has stopped"
        return f"{self.resource_id} {verb} on {self.node_id}"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a node is to do.

    Attributes:
        node_id: which node.
        verb: what it does.
        resource_id: with which resource.
        after: what must be so before.
    """

    node_id: str
    verb: Verb
    resource_id: str
    after: tuple[Done, ...] = ()

    @property
    def done(self) -> Done:
        """What is so when it is done."""
        return Done(self.resource_id, self.node_id, self.verb)

    def __str__(self) -> str:
        after = f", once {' and '.join(map(str, self.after))}" if self.after else ""
        return f"{self.verb} {self.resource_id}{after}"


class _Steps:
    """The steps in the making.

    Args:
        site: tells what runs.
        targets: by resource, where it is to run, if it is.
    """

    def __init__(self, site: Site, targets: Mapping[str, str]) -> None:
        self._site, self._targets = site, targets
        self._needs = site.precedence.needs
        gone = sorted(set(site.view.running) - set(site.resources))
        self._names = [*site.precedence.sorted, *gone]
        self._living = {
            name: [it.node_id for it in site.running(name) if site.is_alive(it.node_id)]
            for name in self._names
        }
        self._needed_by: dict[str, list[str]] = {}
        for name, needed in self._needs.items():
            for it in needed:
                self._needed_by.setdefault(it, []).append(name)
        self._broken: dict[str, bool] = {}
        self._is_later: dict[str, bool] = {}
        for name in self._names:
            self._broken[name] = self._is_broken(name)
            self._is_later[name] = any(
                self._is_later[it] or self._begins_anew(it) for it in self._needs.get(name, ())
            )

    def make(self) -> list[Step]:
        """All steps; each stands behind those that it waits for."""
        stops = [step for name in reversed(self._names) for step in self._stops(name)]
        starts = [step for name in self._names for step in self._starts(name)]
        return _sorted([*stops, *starts])

    def _is_broken(self, name: str) -> bool:
        """Whether a resource does not run for a while though it is to."""
        target = self._targets.get(name)
        if target is None:
            return True
        living = self._living[name]
        if target not in living and (self._is_exclusive(name) or not living):
            return True
        needs = self._needs[name]
        return any(self._broken[it] for it in needs) or self._is_older(name, target)

    def _begins_anew(self, name: str) -> bool:
        """Whether a resource stops and starts on one node."""
        return self._broken[name] and self._targets.get(name) in self._living[name]

    def _is_older(self, name: str, target: str) -> bool:
        """Whether a resource was taken before something that it needs."""
        own = self._token(name, target)
        taken = [self._token(it, self._targets[it]) for it in self._needs[name]]
        return own > (0, 0) and any(own < it for it in taken)

    def _token(self, name: str, node_id: str) -> tuple[int, int]:
        found = (it.token for it in self._site.running(name) if it.node_id == node_id)
        return next(found, (0, 0))

    def _is_exclusive(self, name: str) -> bool:
        resource = self._site.resources.get(name)
        return resource is None or resource.mode.is_exclusive

    def _stops(self, name: str) -> list[Step]:
        target = self._targets.get(name)
        return [
            Step(node_id, Verb.STOP, name, tuple(self._before_stop(name)))
            for node_id in self._living[name]
            if node_id != target or self._broken[name]
        ]

    def _before_stop(self, name: str) -> list[Done]:
        if not self._broken[name]:
            return self._until_it_runs(name)
        return [step.done for other in self._needed_by.get(name, ()) for step in self._stops(other)]

    def _starts(self, name: str) -> list[Step]:
        target = self._targets.get(name)
        if target is None or (target in self._living[name] and not self._broken[name]):
            return []
        if self._is_later[name]:
            return []
        before = [
            step.done
            for step in (self._stops(name) if self._broken[name] else ())
            if self._is_exclusive(name) or step.node_id == target
        ]
        before += [done for it in self._needs[name] for done in self._until_it_runs(it)]
        return [Step(target, Verb.START, name, tuple(before))]

    def _until_it_runs(self, name: str) -> list[Done]:
        target = self._targets[name]
        if target in self._living[name] and not self._broken[name]:
            return []
        return [Done(name, target, Verb.START)]


def steps(site: Site, targets: Mapping[str, str]) -> tuple[Step, ...]:
    """Work out who starts and stops what, and after what.

    Args:
        site: what is there.
        targets: by resource, where it is to run; what is to run nowhere is not named.

    Returns:
        Each behind those that it waits for.
    """
    return tuple(_Steps(site, targets).make())


def _sorted(wanted: list[Step]) -> list[Step]:
    rest, done, found = list(wanted), set[Done](), list[Step]()
    known = {step.done for step in wanted}
    while rest:
        ready = [step for step in rest if not (set(step.after) & known) - done]
        # What cannot be put in order would wait for ever: nothing here makes a circle.
        assert ready, rest  # noqa: S101
        step = ready[0]
        found.append(step)
        done.add(step.done)
        rest.remove(step)
    return found
