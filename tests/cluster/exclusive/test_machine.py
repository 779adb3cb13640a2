"""Whatever the engine is told, in whatever order: what it asks for is always in order."""

from copy import deepcopy
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.cluster.exclusive.bench import Engine, evicted, owner, session, soft, strict

from tandem.cluster.exclusive.events import (
    Answered,
    Ask,
    Clean,
    Done,
    Effect,
    Entitled,
    Event,
    Fence,
    Fenced,
    FencingFailed,
    FoundRunning,
    Promise,
    Prove,
    Read,
    Received,
    Refused,
    Seen,
    Start,
    Started,
    StartFailed,
    Stop,
    StopFailed,
    Stopped,
    StoredCluster,
    Tick,
    Transact,
    Unanswered,
    Unknown,
    View,
    Words,
)
from tandem.cluster.exclusive.timing import MS
from tandem.cluster.exclusive.values import Owner
from tandem.cluster.keys import OWNERS, SESSIONS
from tandem.cluster.model import Session, SessionState
from tandem.cluster.session import Stored


class Chaos:
    """Tells an engine anything, and sees that each answer is in order."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.engine = Engine(fences="bc")
        self.engine.stored = {"b": session(), "c": session()}
        self.engine.owners = {"web": owner("b"), "db": owner("c")}
        self.engine.orders = {"web": soft("b", "a"), "db": strict("a", "c")}
        self.nonces: list[str] = []
        self.under_way: Transact | Read | None = None
        self.is_clean = False
        self.running: dict[str, int] = {}
        self.runs: set[int] = set()
        self.told_us = 0

    def go(self, steps: int) -> None:
        for _ in range(steps):
            self.engine.now_us += self.random.choice([0, 1 * MS, 20 * MS, 200 * MS])
            event = self.event()
            state = self.engine.state
            before = deepcopy(state)
            self.engine.tell(event)
            assert state == before
            for effect in self.engine.out:
                self.judge(effect)

    def event(self) -> Event:
        if self.under_way is not None and self.random.random() < 0.5:
            return self.answer()
        if self.random.random() < 0.3:
            self.shuffle()
        number = self.random.choice([1, *self.running.values()])
        name = self.random.choice(["web", "db"])
        if self.random.random() < 0.03:
            return StopFailed(name, number, "It is stuck.")
        events: list[Event] = [
            Tick(),
            Tick(),
            Seen(self.engine.view()),
            Clean(),
            Words(self.words()),
            Received(Ask("b", 1, 5, 1, 1)),
            Received(Promise("b", 1, self.engine.state.ask_count, 1, 1)),
            Started(name, number),
            Stopped(name, number),
            StartFailed(name, number, "It does not."),
            Fenced("b", self.random.randint(1, 4)),
            FencingFailed("c", 2, "It does not answer."),
            FoundRunning(name),
            Done("unknown", 3),
            Unknown("unknown"),
        ]
        return self.ended(self.random.choice(events))

    def ended(self, event: Event) -> Event:
        """The same; what it says is noted down."""
        match event:
            case Clean():
                self.is_clean = True
            case Stopped(name, number) | StartFailed(name, number, _):
                if self.running.get(name) == number:
                    del self.running[name]
        return event

    def words(self) -> dict[str, frozenset[str]]:
        nodes = "abc"
        return {
            name: frozenset(other for other in nodes if self.random.random() < 0.3)
            for name in nodes
        }

    def shuffle(self) -> None:
        """Somebody else writes."""
        engine = self.engine
        engine.revision += 1
        node = self.random.choice("abbc")
        before = engine.stored.get(node, session())
        epoch, counter = before.session.epoch, before.session.counter
        match self.random.randrange(4):
            case 0:
                engine.stored[node] = evicted(epoch + 1, counter, engine.revision)
            case 1 if node != "a":
                engine.stored[node] = session(epoch, counter + 1, engine.revision)
            case 2 if node != "a":
                engine.stored[node] = session(epoch + 1, 0, engine.revision, SessionState.LIVE, 0)
            case 3 if node != "a":
                engine.owners["db"] = owner(node, epoch, engine.revision)
        if self.random.random() < 0.02:
            number = engine.cluster.incarnation + 1
            engine.cluster = StoredCluster(number, engine.revision)

    def answer(self) -> Event:
        sent, self.under_way = self.under_way, None
        engine = self.engine
        if isinstance(sent, Read):
            is_answered = self.random.random() < 0.7
            return Answered(engine.view()) if is_answered else Unanswered()
        assert sent is not None
        happens = self.happens(sent) and self.random.random() < 0.9
        if happens:
            engine.revision += 1
            for write in sent.writes:
                if isinstance(write.value, Session):
                    engine.stored[write.name] = Stored(write.value, engine.revision)
                elif isinstance(write.value, Owner):
                    found = owner("a", revision=engine.revision)
                    engine.owners[write.name] = type(found)(write.value, engine.revision)
        if self.random.random() < 0.2:
            return Unknown(sent.nonce)
        if happens:
            return Done(sent.nonce, engine.revision, View(engine.revision, sessions=engine.stored))
        return Refused(sent.nonce, engine.view())

    def happens(self, sent: Transact) -> bool:
        engine = self.engine
        now = {
            **{SESSIONS + name: found.revision for name, found in engine.stored.items()},
            **{OWNERS + name: found.revision for name, found in engine.owners.items()},
        }
        return sent.cluster_revision == engine.cluster.revision and all(
            now.get(write.prefix + write.name, 0) == write.revision for write in sent.writes
        )

    def judge(self, effect: Effect) -> None:
        state = self.engine.state
        match effect:
            case Transact() | Read():
                assert self.under_way is None
                self.under_way = effect
                if isinstance(effect, Transact):
                    self.judge_transaction(effect)
            case Prove():
                assert not state.runs
                self.is_clean = False
            case Start(resource=name, run=run, token=token):
                assert run not in self.runs
                assert name not in self.running
                assert token is None or state.held[name] == token
                assert state.is_live
                self.runs.add(run)
                self.running[name] = run
            case Stop(resource=name, run=run):
                self.running.setdefault(name, run)
                assert state.runs[name].number == run
            case Entitled(until_us=until_us, kill_us=kill_us):
                assert kill_us < until_us <= self.engine.now_us + state.timing.guarantee_us
            case Fence(node_id=node, epoch=epoch):
                found = state.peers[node].stored.session
                assert (found.state, found.epoch) == (SessionState.EVICTED, epoch)

    def judge_transaction(self, sent: Transact) -> None:
        own, *others = sent.writes
        assert (own.prefix, own.name) == (SESSIONS, "a")
        assert isinstance(own.value, Session)
        assert own.value.is_live
        assert own.value.nonce == sent.nonce
        assert sent.nonce not in self.nonces
        self.nonces.append(sent.nonce)
        assert self.is_clean or own.value.counter > 0
        assert len({(write.prefix, write.name) for write in sent.writes}) == len(sent.writes)
        for write in others:
            assert write.prefix in {SESSIONS, OWNERS}


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_whatever_it_is_told_what_it_asks_for_is_in_order(seed: int) -> None:
    Chaos(seed).go(steps=150)
