"""Lines from a process that may write anything."""

import logging

from hypothesis import given
from hypothesis import strategies as st

from tandem.node.children.lines import LineSplitter, log_entry


@given(st.lists(st.binary(max_size=20).filter(lambda it: b"\n" not in it)), st.integers(1, 9))
def test_lines_come_out_whole_however_they_were_cut(lines: list[bytes], size: int) -> None:
    data = b"".join(line + b"\n" for line in lines)
    splitter = LineSplitter(20)
    found = [
        line for at in range(0, len(data), size) for line in splitter.feed(data[at : at + size])
    ]
    assert found == lines


def test_a_line_that_never_ends_takes_no_memory_and_spoils_no_other() -> None:
    splitter = LineSplitter(10)
    assert splitter.feed(b"before\n" + b"x" * 11) == [b"before"]
    assert splitter.feed(b"x" * 1000) == []
    assert not splitter._rest
    assert splitter.feed(b"x\nafter\n") == [b"after"]
    assert splitter.left_out == 1


def test_a_log_line_keeps_its_level() -> None:
    assert log_entry(b"ERROR tandem.a: disk full", logging.INFO) == (
        logging.ERROR,
        "tandem.a: disk full",
    )


def test_a_traceback_belongs_to_the_line_before_it() -> None:
    assert log_entry(b"  File x, line 3", logging.ERROR) == (logging.ERROR, "  File x, line 3")


def test_a_log_line_that_is_not_utf_8_is_read_all_the_same() -> None:
    assert log_entry(b"INFO a: \xff", 0) == (logging.INFO, "a: \ufffd")
