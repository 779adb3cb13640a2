"""A small site for scripted scenarios: nothing is random, and each thing takes the same time.

    fast a b c               the preset, and the nodes, which begin
    strict web a b           an order; `soft` likewise; each is later than the one before
    kill a | boot a          power
    leave a                  in good order, within a second
    lose store a | find store a     between a node and the store
    lose links a | find links a     between a node and the others
    lose answer a            the next transaction happens, and then the node has lost the store
    store down | store up
    stuck web                it cannot be stopped
    fence a                  it can be fenced, which takes 100 ms
    fails web a              it does not start on that node
    wait 1000                milliseconds

The story says what happened after each command, in milliseconds since the beginning.
"""

import heapq
from collections.abc import Callable, Iterator

from tandem.cluster.exclusive import events
from tandem.cluster.exclusive.machine import step, wake_us
from tandem.cluster.exclusive.state import State, start
from tandem.cluster.exclusive.timing import MS, PRESETS, SECOND
from tandem.cluster.exclusive.values import Hold, Owner
from tandem.cluster.keys import SESSIONS
from tandem.cluster.model import Session
from tandem.cluster.order import Mode, Order
from tandem.cluster.session import Stored

HOP_US = 1 * MS
START_US = STOP_US = 10 * MS
SUSPICION_US = 400 * MS
FENCING_US = 100 * MS


class Site:
    """All of it; `play` reads a script and returns the story."""

    def __init__(self) -> None:
        self.now_us = 10 * SECOND
        self.queue: list[tuple[int, int, Callable[[], None]]] = []
        self.entered = 0
        self.states: dict[str, State] = {}
        self.lives: dict[str, int] = {}
        self.names: list[str] = []
        self.runs: dict[str, set[str]] = {}
        self.without: dict[str, set[str]] = {"store": set(), "links": set(), "answer": set()}
        self.is_store_up = True
        self.stuck: set[str] = set()
        self.fences: set[str] = set()
        self.fails: set[tuple[str, str]] = set()
        self.revision = 1
        self.sessions: dict[str, Stored | None] = {}
        self.owners: dict[str, events.StoredOwner | None] = {}
        self.orders: dict[str, Order | None] = {}
        self.story: list[str] = []

    def play(self, script: list[str]) -> Iterator[str]:
        """The script again, each command with what happened after it."""
        for line in script:
            yield f"> {line}"
            self.story = []
            self.command(*line.split())
            yield from self.story

    # --- Commands -------------------------------------------------------------------------------

    def command(self, what: str, *on: str) -> None:  # noqa: C901, PLR0912 - a list of commands
        match what, on:
            case ("fast" | "standard" | "patient", names):
                self.timing = PRESETS[what]
                self.names = list(names)
                for name in names:
                    self.boot(name)
            case ("strict" | "soft", (name, *nodes)):
                before = self.orders.get(name)
                generation = before.generation + 1 if before else 1
                self.orders[name] = Order(tuple(nodes), generation, Mode(what))
                self.commit()
            case ("kill", (name,)):
                self.kill(name)
            case ("leave", (name,)):
                self.feed(name, self.lives[name], events.Leave(self.now_us + SECOND))
            case ("boot", (name,)):
                self.boot(name)
            case ("lose" | "find", (kind, name)):
                lost = self.without[kind]
                (lost.add if what == "lose" else lost.discard)(name)
                self.hear()
            case ("store", (state,)):
                self.is_store_up = state == "up"
            case ("stuck", (name,)):
                self.stuck.add(name)
            case ("fence", (name,)):
                self.fences.add(name)
            case ("fails", (name, node)):
                self.fails.add((name, node))
            case ("wait", (length,)):
                self.run_until(self.now_us + int(length) * MS)
            case _:
                raise AssertionError(what)

    def boot(self, name: str) -> None:
        self.lives[name] = self.lives.get(name, 0) + 1
        life = f"{name}{self.lives[name]}"
        self.states[name] = start(
            name, self.names, life, self.timing, self.now_us, sorted(self.fences)
        )
        self.feed(name, self.lives[name], events.Tick())
        self.hear()

    def kill(self, name: str) -> None:
        self.states.pop(name, None)
        self.lives[name] += 1
        for on in self.runs.values():
            on.discard(name)
        self.hear()

    # --- Time -----------------------------------------------------------------------------------

    def after(self, delay_us: int, what: Callable[[], None]) -> None:
        self.entered += 1
        heapq.heappush(self.queue, (self.now_us + delay_us, self.entered, what))

    def run_until(self, end_us: int) -> None:
        while self.queue and self.queue[0][0] <= end_us:
            self.now_us, _, what = heapq.heappop(self.queue)
            what()
        self.now_us = end_us

    def say(self, text: str) -> None:
        self.story.append(f"{(self.now_us - 10 * SECOND) // MS:>7}  {text}")

    # --- Nodes ----------------------------------------------------------------------------------

    def feed(self, name: str, life: int, event: events.Event) -> None:
        if self.lives[name] != life or name not in self.states:
            return
        self.states[name], effects = step(self.states[name], event, self.now_us)
        for effect in effects:
            self.carry_out(name, life, effect)
        at_us = wake_us(self.states[name]) if name in self.states else None
        if at_us is not None:
            self.after(max(at_us - self.now_us, 1), lambda: self.feed(name, life, events.Tick()))

    def later(self, name: str, life: int, delay_us: int, event: events.Event) -> None:
        self.after(delay_us, lambda: self.feed(name, life, event))

    def carry_out(self, name: str, life: int, effect: events.Effect) -> None:
        match effect:
            case events.Prove():
                self.later(name, life, HOP_US, events.Clean())
            case events.Transact() | events.Read():
                self.after(HOP_US, lambda: self.ask(name, life, effect))
            case events.Start(resource=resource, run=run, token=token):
                self.say(f"{name} starts {resource}, token {'.'.join(map(str, token or ['none']))}")
                self.after(START_US, lambda: self.started(name, life, resource, run))
            case events.Stop(resource=resource, run=run):
                self.say(f"{name} stops {resource}")
                self.after(STOP_US, lambda: self.stopped(name, life, resource, run))
            case events.Send(to=to, message=message):
                if to in self.heard_by(name):
                    event = events.Received(message)
                    self.later(to, self.lives[to], HOP_US, event)
            case events.Fence(node_id=other, epoch=epoch):
                self.say(f"{name} fences {other}")
                self.after(FENCING_US, lambda: self.fenced(name, life, other, epoch))
            case events.FenceSelf():
                self.say(f"{name} ends itself")
                self.kill(name)
            case _:
                pass

    def started(self, name: str, life: int, resource: str, run: int) -> None:
        if self.lives[name] != life:
            return
        if (resource, name) in self.fails:
            self.feed(name, life, events.StartFailed(resource, run, "It does not."))
            return
        self.runs.setdefault(resource, set()).add(name)
        self.say(f"{resource} runs on {' and '.join(sorted(self.runs[resource]))}")
        self.feed(name, life, events.Started(resource, run))

    def stopped(self, name: str, life: int, resource: str, run: int) -> None:
        if self.lives[name] == life and resource not in self.stuck:
            self.runs.get(resource, set()).discard(name)
            self.feed(name, life, events.Stopped(resource, run))

    def fenced(self, name: str, life: int, other: str, epoch: int) -> None:
        self.kill(other)
        self.feed(name, life, events.Fenced(other, epoch))

    # --- Heartbeats -----------------------------------------------------------------------------

    def heard_by(self, name: str) -> list[str]:
        """Those that can hear it now, and that it can."""
        if name not in self.states or name in self.without["links"]:
            return [name]
        return [other for other in self.states if other not in self.without["links"]]

    def hear(self) -> None:
        self.after(SUSPICION_US, self.tell_words)

    def tell_words(self) -> None:
        heard = {name: self.heard_by(name) for name in self.states}
        for name in list(self.states):
            words = {
                other: frozenset(self.names) - frozenset(heard[other]) for other in heard[name]
            }
            self.feed(name, self.lives[name], events.Words(words))

    # --- The store ------------------------------------------------------------------------------

    def view(self) -> events.View:
        cluster = events.StoredCluster(1, 1)
        return events.View(
            self.revision, cluster, dict(self.sessions), dict(self.owners), dict(self.orders)
        )

    def commit(self) -> None:
        """Everybody that can sees what is there now, a moment later."""
        self.revision += 1
        seen = events.Seen(self.view())
        for name in self.states:
            if self.is_store_up and name not in self.without["store"]:
                self.later(name, self.lives[name], HOP_US, seen)

    def ask(self, name: str, life: int, effect: events.Transact | events.Read) -> None:
        event: events.Event
        if not self.is_store_up or name in self.without["store"]:
            is_read = isinstance(effect, events.Read)
            event = events.Unanswered() if is_read else events.Unknown(effect.nonce)  # type: ignore[union-attr]
            self.later(name, life, self.timing.rpc_us - HOP_US, event)
        elif isinstance(effect, events.Read):
            self.later(name, life, HOP_US, events.Answered(self.view()))
        elif all(
            self.revision_of(write.prefix, write.name) == write.revision for write in effect.writes
        ):
            is_lost = name in self.without["answer"]
            if is_lost:
                self.without["answer"].remove(name)
                self.without["store"].add(name)
            self.write(name, effect)
            if is_lost:
                self.later(name, life, self.timing.rpc_us, events.Unknown(effect.nonce))
                return
            event = events.Done(effect.nonce, self.revision, self.view())
            self.later(name, life, HOP_US, event)
        else:
            self.later(name, life, HOP_US, events.Refused(effect.nonce, self.view()))

    def revision_of(self, prefix: str, name: str) -> int:
        found = self.sessions.get(name) if prefix == SESSIONS else self.owners.get(name)
        return found.revision if found else 0

    def write(self, by: str, effect: events.Transact) -> None:
        at = self.revision + 1
        for write in effect.writes:
            value = write.value
            if isinstance(value, Session):
                self.sessions[write.name] = Stored(value, at)
                if write.name != by:
                    self.say(f"{by}: {write.name} is {value.state}, epoch {value.epoch}")
                elif not value.is_live:
                    self.say(f"{by} ends its session, epoch {value.epoch}")
                elif value.counter == 0:
                    self.say(f"{by} begins epoch {value.epoch}")
            elif isinstance(value, Owner):
                self.owners[write.name] = events.StoredOwner(value, at)
                verb = "takes" if value.hold is Hold.HELD else "releases"
                self.say(f"{by} {verb} {write.name}")
        self.commit()
