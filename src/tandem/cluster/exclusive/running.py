"""What runs on this node: started and stopped as it is entitled to (rules R1 to R5)."""

from dataclasses import replace

from tandem.cluster.exclusive import guarantee, soft, taking
from tandem.cluster.exclusive.events import (
    Effect,
    FenceSelf,
    FoundRunning,
    Say,
    Start,
    Started,
    StartFailed,
    Stop,
    StopFailed,
    Stopped,
)
from tandem.cluster.exclusive.state import Run, RunPhase, State
from tandem.cluster.exclusive.values import Token
from tandem.cluster.order import Mode

# --- What is to be done -------------------------------------------------------------------------


def settle(state: State, now_us: int, out: list[Effect]) -> None:
    """Start what may run here, stop what may not."""
    soft.drop(state)
    held = state.held
    for name in list(state.runs):
        confirm(state, name, held.get(name))
        end(state, name, held, now_us, out)
    if state.leaving_us is not None or not guarantee.is_entitled(state, now_us):
        return
    for name, token in held.items():
        if name not in state.runs and not taking.is_to_leave(state, name, now_us):
            begin(state, name, token, out)
    for name, order in (state.orders or {}).items():
        if name not in state.runs and soft.may_start_early(state, name, order):
            begin(state, name, None, out, early_us=now_us)
            state.early = {**state.early, name: state.owners[name].revision}


def begin(
    state: State,
    name: str,
    token: Token | None,
    out: list[Effect],
    early_us: int | None = None,
) -> None:
    """R1: start what this node owns; or, early, what it is about to take."""
    mode = soft.mode_of(state, name)
    if mode is Mode.SOFT and not soft.hears_majority(state):
        return
    state.run_count += 1
    run = Run(state.run_count, RunPhase.STARTING, token, mode, early_us)
    state.runs = {**state.runs, name: run}
    out.append(Start(name, run.number, token))


def confirm(state: State, name: str, token: Token | None) -> None:
    """S4: the store's word for what was started early."""
    run = state.runs[name]
    if run.early_us is not None and token is not None and run.phase is not RunPhase.STOPPING:
        state.runs = {**state.runs, name: replace(run, token=token, early_us=None)}


def end(state: State, name: str, held: dict[str, Token], now_us: int, out: list[Effect]) -> None:
    """Stop it if it must end, and sooner if it must end sooner."""
    run = state.runs[name]
    must, by_us = ends(state, name, run, held, now_us)
    if not run.is_found and run.mode is Mode.STRICT:
        unproven(state, name, run, now_us, out)
    if not must:
        return
    is_sooner = by_us is not None and (run.by_us is None or by_us < run.by_us)
    if run.phase is not RunPhase.STOPPING or is_sooner:
        state.runs = {**state.runs, name: replace(run, phase=RunPhase.STOPPING, by_us=by_us)}
        out.append(Stop(name, run.number, by_us))


def ends(
    state: State, name: str, run: Run, held: dict[str, Token], now_us: int
) -> tuple[bool, int | None]:
    """R2: whether it must end here, and by when; in its own time if that is None."""
    until_us = state.entitled_until_us
    if run.mode is Mode.SOFT and not soft.hears_majority(state):
        return True, now_us
    if guarantee.is_entitled(state, now_us):
        state.wake(guarantee.soft_stop_us(state.timing, until_us))
    if run.early_us is not None:
        if state.leaving_us is not None or not soft.may_go_on(state, name, run.early_us, now_us):
            return True, now_us
    elif not run.is_found and held.get(name) != run.token:
        return True, guarantee.kill_us(state.timing, until_us)
    if not run.is_found and not guarantee.is_entitled(state, now_us):
        return True, guarantee.kill_us(state.timing, until_us)
    if run.early_us is None and taking.is_to_leave(state, name, now_us):
        return True, state.leaving_us
    return False, None


def unproven(state: State, name: str, run: Run, now_us: int, out: list[Effect]) -> None:
    """G3: it is not proven stopped, and the guarantee is nearly over: end this machine."""
    at_us = guarantee.fence_self_us(state.timing, state.entitled_until_us)
    if now_us < at_us:
        state.wake(at_us)
    else:
        fence_self(
            state, f"Resource {name} is not proven stopped (run {run.number}), in time.", out
        )


def fence_self(state: State, reason: str, out: list[Effect]) -> None:
    """R5: what cannot be proven stopped is ended with the machine, and started nowhere before."""
    if not state.is_fencing_self:
        state.is_fencing_self = True
        out.append(FenceSelf(reason))


# --- What became of it --------------------------------------------------------------------------


def started(state: State, event: Started) -> None:
    """It runs, unless it is being stopped already."""
    run = state.runs.get(event.resource)
    if run and run.number == event.run and run.phase is RunPhase.STARTING:
        state.runs = {**state.runs, event.resource: replace(run, phase=RunPhase.RUNNING)}


def start_failed(state: State, event: StartFailed, now_us: int, out: list[Effect]) -> None:
    """W1: nothing of it runs; it is given back, and tried again here only after a while."""
    run = state.runs.get(event.resource)
    if run is None or run.number != event.run:
        return
    gone(state, event.resource)
    if run.phase is not RunPhase.STOPPING:
        until_us = now_us + state.timing.failed_us
        state.failed = {**state.failed, event.resource: until_us}
        out.append(Say(f"Resource {event.resource} does not run here: {event.reason}"))


def stopped(state: State, event: Stopped) -> None:
    """R3: a proof is of one run: one that comes late says nothing of the next."""
    run = state.runs.get(event.resource)
    if run and run.number == event.run:
        gone(state, event.resource)


def stop_failed(state: State, event: StopFailed, out: list[Effect]) -> None:
    """R5: whether strict or soft: it would run on beside the next one."""
    run = state.runs.get(event.resource)
    if run is not None and run.number == event.run:
        fence_self(state, f"Resource {event.resource} cannot be stopped: {event.reason}", out)


def found(state: State, event: FoundRunning, now_us: int, out: list[Effect]) -> None:
    """R4: what somebody else has started here is stopped before anything else is done with it."""
    if event.resource in state.runs:
        return
    state.run_count += 1
    by_us = now_us + state.timing.hard_stop_us - state.timing.soft_stop_us
    run = Run(state.run_count, RunPhase.STOPPING, None, by_us=by_us, is_found=True)
    state.runs = {**state.runs, event.resource: run}
    out.append(Stop(event.resource, run.number, by_us))


def gone(state: State, name: str) -> None:
    """Nothing of it is left here."""
    state.runs = {other: run for other, run in state.runs.items() if other != name}
