"""A child whose orders have ended is gone soon, even if it hangs."""

import signal
import subprocess
import sys
from textwrap import dedent

HANGS = dedent("""
    import asyncio, signal, sys, threading
    from tandem.recording import orphan
    from tandem.recording.lines import LineReader

    orphan.LAST_S = 1

    async def main():
        lines = LineReader(sys.stdin.buffer, orphan.end_soon)
        await lines.readline()
        print("hanging", flush=True)
        threading.Event().wait()

    asyncio.run(main())
""")


def test_an_event_loop_that_hangs_does_not_keep_a_child_whose_orders_have_ended() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", HANGS], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdout:
        child.stdin.write(b"{}\n")
        child.stdin.flush()
        assert child.stdout.readline() == b"hanging\n"
        assert child.poll() is None
        child.stdin.close()
        assert child.wait(30) == -signal.SIGALRM
