"""The keeper of a process: the kernel kills it at its deadline, and all that it keeps with it.

It is run as a program, by path, with `python -I -S`, so that it is small and there at once. It has
one timer of the kernel (CLOCK_BOOTTIME, SIGKILL), which only a later deadline, read from a FIFO,
puts off. Its child is the init of a new PID namespace and dies with it (PR_SET_PDEATHSIG); with an
init, the kernel kills everything in its namespace, however deep, daemonised or stopped.

Why two processes: the kernel discards a SIGKILL that a namespace's init gets from its own timer
(`sig_task_ignored` in kernel/signal.c: SIGNAL_UNKILLABLE, not forced), but not one that the death
of its parent sends from the outer namespace (forced). And a timer does not survive `execve`, so the
command cannot carry it itself.

The order comes on standard input (`marshal`), what came of it goes to standard output: `runs`, or
why it does not. Standard error is the log of the resource.
"""

import ctypes
import marshal
import os
import resource
import select
import sys
from typing import Any, NoReturn, TypedDict

CLOCK_BOOTTIME = 7
TIMER_ABSTIME = 1
SIGKILL = 9
SIGPIPE, SIGXFSZ = 13, 25  # Python ignores them; the command shall not
SIG_DFL = 0
SIG_SETMASK = 2
PR_SET_PDEATHSIG = 1
CLONE_NEWNS, CLONE_NEWPID = 0x00020000, 0x20000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_SLAVE = 0x2, 0x4, 0x8, 0x4000, 0x80000
MCL_CURRENT = 1
SCHED_RESET_ON_FORK = 0x40000000
DEADLINE_BYTES = 8
"""A deadline in the FIFO: CLOCK_BOOTTIME in microseconds, unsigned, little-endian."""

RUNS = b"runs"

libc = ctypes.CDLL(None, use_errno=True)


class Order(TypedDict):
    """What to keep, and how.

    Attributes:
        group: the control group's directory; it has `keeper` and `run` below.
        until_us: the first deadline, CLOCK_BOOTTIME.
        fifo: where to make the FIFO that later ones come by.
        ended: the file to say in how it ended.
        command: the program's path, and its arguments.
        environment: all of it.
        directory: where to run it.
        uid: as whom; with `gid` and all `groups`.
        gid: see `uid`.
        groups: see `uid`.
        limits: (RLIMIT_ number, soft and hard value).
        daemonises: whether the first process may end while others go on.
    """

    group: str
    until_us: int
    fifo: str
    ended: str
    command: list[str]
    environment: dict[str, str]
    directory: str
    uid: int
    gid: int
    groups: list[int]
    limits: list[tuple[int, int]]
    daemonises: bool


class _Signal(ctypes.Structure):
    """A `struct sigevent`: send this signal to the process."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("rest", ctypes.c_char * 48),
    )


class _Times(ctypes.Structure):
    """A `struct itimerspec`."""

    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


def called(what: str, result: int) -> int:
    """What a call of the C library returned.

    Raises:
        OSError: it failed; names the call.
    """
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


class Timer:
    """Kills this process at its deadline, which only grows."""

    def __init__(self) -> None:
        self._timer = ctypes.c_void_p()
        self._until_us = 0
        event = _Signal(None, SIGKILL, 0, b"")
        made = libc.timer_create(CLOCK_BOOTTIME, ctypes.byref(event), ctypes.byref(self._timer))
        called("timer_create", made)

    def put_off(self, until_us: int) -> None:
        """Live until then, unless it is to live longer already."""
        if until_us > self._until_us:
            times = _Times(0, 0, until_us // 1_000_000, until_us % 1_000_000 * 1000)
            put = libc.timer_settime(self._timer, TIMER_ABSTIME, ctypes.byref(times), None)
            called("timer_settime", put)
            self._until_us = until_us


def main() -> int:
    """Start a keeper and say what came of it.

    It joins the control group before anything else: whoever ends this process, and then all that is
    in the group, has ended whatever it started.
    """
    group = sys.argv[1]
    join(f"{group}/keeper")
    order: Order = marshal.loads(sys.stdin.buffer.read())  # noqa: S302 - from our own parent
    told, tell = os.pipe()
    if os.fork() == 0:
        os.close(told)
        try:
            os.setsid()
            keep(order, tell)
        except OSError as error:
            os.write(tell, str(error).encode())
        os._exit(1)
    os.close(tell)
    said = b""
    while data := os.read(told, 4096):
        said += data
    sys.stdout.write(said.decode(errors="replace") or "its keeper was killed")
    return 0


def keep(order: Order, tell: int) -> NoReturn:
    """Be the keeper.

    Args:
        order: what to keep.
        tell: a pipe: `runs`, or what is wrong.

    Raises:
        OSError: it cannot be kept.
    """
    timer = Timer()
    timer.put_off(order["until_us"])
    os.chdir("/")
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    be_steady()
    fifo = make_fifo(order["fifo"])
    alive, living = os.pipe()
    status, state = os.pipe()
    called("unshare(CLONE_NEWPID)", libc.unshare(CLONE_NEWPID))
    child = os.fork()
    if child == 0:
        for fd in (tell, living, status, fifo):
            os.close(fd)
        try:
            be_init(order, alive, state)
        except OSError as error:
            os.write(state, str(error).encode())
        os._exit(1)
    os.close(alive)
    os.close(state)
    attend(timer, fifo, status, tell, os.pidfd_open(child))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    note_end(order, code)
    os._exit(0)


def attend(timer: Timer, fifo: int, status: int, tell: int, child: int) -> None:
    """Put the timer off as told, until the init has ended."""
    poll = select.poll()
    for fd in (fifo, status, child):
        poll.register(fd, select.POLLIN)
    said = b""
    while True:
        ready = {fd for fd, _ in poll.poll()}
        if fifo in ready:
            told = os.read(fifo, 512 * DEADLINE_BYTES)
            starts = range(0, len(told) - DEADLINE_BYTES + 1, DEADLINE_BYTES)
            parts = [told[start : start + DEADLINE_BYTES] for start in starts]
            timer.put_off(max((int.from_bytes(part, "little") for part in parts), default=0))
        if status in ready:
            data = os.read(status, 4096)
            said += data
            if not data:
                poll.unregister(status)
                os.write(tell, said or RUNS)
                os.close(tell)
        elif child in ready:
            return


def make_fifo(path: str) -> int:
    """Make the FIFO anew, and open it for good: a reader that also writes never sees its end."""
    try:  # noqa: SIM105 - contextlib and pathlib cost a start more than all else
        os.unlink(path)  # noqa: PTH108
    except FileNotFoundError:
        pass
    os.mkfifo(path, 0o600)
    return os.open(path, os.O_RDWR | os.O_CLOEXEC)


def be_steady() -> None:
    """Be killed by the timer alone: not for want of memory, nor late for want of a processor.

    Each is as good as this process's rights allow: without it, it is killed too early, never too
    late.
    """
    libc.mlockall(MCL_CURRENT)
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write("-1000")
    except OSError:
        pass
    hurry()


def hurry() -> None:
    """Get a processor at once when killed, however busy the machine: what is below dies after."""
    try:  # noqa: SIM105
        os.sched_setscheduler(0, os.SCHED_FIFO | SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError:
        pass


def be_init(order: Order, alive: int, state: int) -> NoReturn:
    """Be the init of the namespace: start the command, reap, and end with it or with the keeper.

    Args:
        order: what to start.
        alive: a pipe whose other end the keeper alone holds.
        state: a pipe: what is wrong, or nothing.

    Raises:
        OSError: it cannot be started.
    """
    called("prctl(PR_SET_PDEATHSIG)", libc.prctl(PR_SET_PDEATHSIG, SIGKILL))
    poll = select.poll()
    poll.register(alive, 0)
    if poll.poll(0):  # the keeper has died before this process was bound to it
        os._exit(1)
    hurry()
    # Mounts of the machine go on arriving here; the view of the processes is the namespace's own.
    called("unshare(CLONE_NEWNS)", libc.unshare(CLONE_NEWNS))
    called("mount /", libc.mount(None, b"/", None, MS_REC | MS_SLAVE, None))
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    called("mount /proc", libc.mount(b"proc", b"/proc", b"proc", flags, None))
    first = os.fork()
    if first == 0:
        try:
            be_command(order)
        except OSError as error:
            where = f" {error.filename}" if error.filename else ""
            os.write(state, f"{error.strerror}{where}".encode())
        os._exit(127)
    os.close(state)
    code = 0
    while True:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            os._exit(code)
        if pid == first:
            ended = os.waitstatus_to_exitcode(status)
            code = 128 - ended if ended < 0 else ended
            if code or not order["daemonises"]:
                os._exit(code)


def be_command(order: Order) -> NoReturn:
    """Become the command.

    Raises:
        OSError: it cannot be run so.
    """
    os.setsid()
    join(f"{order['group']}/run")
    with open("/proc/self/oom_score_adj", "r+", encoding="ascii") as file:  # noqa: PTH123
        if int(file.read()) < 0:
            file.seek(0)
            file.write("0")
    for number, most in order["limits"]:
        resource.setrlimit(number, (most, most))
    os.setgroups(order["groups"])
    os.setresgid(order["gid"], order["gid"], order["gid"])
    os.setresuid(order["uid"], order["uid"], order["uid"])
    os.umask(0o022)
    os.chdir(order["directory"])
    for number in (SIGPIPE, SIGXFSZ):
        libc.signal(number, ctypes.c_void_p(SIG_DFL))
    empty: Any = ctypes.create_string_buffer(128)
    libc.sigprocmask(SIG_SETMASK, empty, None)
    os.dup2(2, 1)
    os.execve(order["command"][0], order["command"], order["environment"])  # noqa: S606


def join(group: str) -> None:
    """Move this process into a control group.

    Raises:
        OSError: it is not there, or this process may not.
    """
    with open(f"{group}/cgroup.procs", "w", encoding="ascii") as file:  # noqa: PTH123
        file.write("0")


def note_end(order: Order, code: int) -> None:
    """Leave word of how it ended, and take the FIFO away."""
    said = f"was killed by signal {code - 128}" if code > 128 else f"ended with status {code}"
    if code < 0:
        said = f"was killed with its whole namespace by signal {-code}"
    with open(order["ended"], "w", encoding="ascii") as file:  # noqa: PTH123
        file.write(said)
    os.unlink(order["fifo"])  # noqa: PTH108


if __name__ == "__main__":
    sys.exit(main())
