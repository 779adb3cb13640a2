"""The agent's log, as systemd's journal takes it."""

import logging

from tandem.node.agent.log import JournalFormatter


def formatted(level: int, message: str) -> str:
    record = logging.LogRecord("tandem.agent", level, "", 0, message, None, None)
    return JournalFormatter("%(name)s: %(message)s").format(record)


def test_the_journal_is_told_how_bad_it_is_and_not_what_time_it_is() -> None:
    assert formatted(logging.INFO, "begins") == "<6>tandem.agent: begins"
    assert formatted(logging.WARNING, "slow") == "<4>tandem.agent: slow"
    assert formatted(logging.ERROR, "lost") == "<3>tandem.agent: lost"
    assert formatted(logging.CRITICAL, "ends") == "<2>tandem.agent: ends"
    assert formatted(logging.DEBUG, "looks") == "<7>tandem.agent: looks"


def test_every_line_of_a_message_has_its_priority() -> None:
    assert formatted(logging.ERROR, "first\nsecond").splitlines() == [
        "<3>tandem.agent: first",
        "<3>second",
    ]
