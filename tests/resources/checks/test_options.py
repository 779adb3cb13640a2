"""Which checks a definition may have."""

import pytest

from tandem.resources.checks.options import Command, Http, Tcp, read_checks
from tandem.resources.kind import OptionError


def test_each_kind_is_read_with_its_pace() -> None:
    tcp, http, command = read_checks(
        "Resource web",
        [
            {"kind": "tcp", "port": 80, "interval_s": 0.5, "failures": 2},
            {"kind": "http", "url": "https://[::1]:8443/health", "status": 204, "host": "a.b"},
            {"kind": "command", "command": ["/bin/true"], "timeout_s": 3, "start_s": 0},
        ],
    )
    assert tcp.asks == Tcp("127.0.0.1", 80)
    assert (tcp.interval_us, tcp.timeout_us, tcp.failures) == (500_000, 1_000_000, 2)
    assert http.asks == Http("https://[::1]:8443/health", "a.b", 204, "")
    assert command.asks == Command(("/bin/true",), "root")
    assert (command.timeout_us, command.start_us) == (3_000_000, 0)


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("ping", "list of tables"),
        ({}, "command, tcp or http"),
        ({"kind": "ping"}, "command, tcp or http"),
        ({"kind": "tcp"}, "port: write a whole number"),
        ({"kind": "tcp", "port": True}, "port: write a whole number"),
        ({"kind": "tcp", "port": 80, "adress": "::1"}, "Did you mean 'address'"),
        ({"kind": "tcp", "port": 80, "address": "db.example"}, "numeric address"),
        ({"kind": "http", "url": "http://db.example/"}, "numeric address"),
        ({"kind": "http", "url": "ftp://127.0.0.1/"}, "write a URL"),
        ({"kind": "http", "url": "http://[::1/"}, "no URL"),
        ({"kind": "http", "url": "http://127.0.0.1:99999/"}, "no URL"),
        ({"kind": "command", "command": []}, "list of texts"),
        ({"kind": "command", "command": ["true"]}, "whole path"),
        ({"kind": "tcp", "port": 80, "interval_s": float("nan")}, "number of seconds"),
        ({"kind": "tcp", "port": 80, "timeout_s": 0}, "from 0.05 to 600"),
    ],
)
def test_what_is_wrong_is_said_by_its_name_and_number(check: object, said: str) -> None:
    with pytest.raises(OptionError, match="Resource web, check 2") as caught:
        read_checks("Resource web", [{"kind": "tcp", "port": 1}, check])
    assert said in str(caught.value)
