"""What a definition says of health checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from tandem.resources.options import Options

INTERVAL_S: Final = 2.0
TIMEOUT_S: Final = 1.0
FAILURES: Final = 3
START_S: Final = 30.0

_PACE: Final = frozenset({"kind", "interval_s", "timeout_s", "failures", "start_s"})


@dataclass(frozen=True, slots=True)
class Tcp:
    """Something accepts connections.

    Attributes:
        address: numeric.
        port: of it.
    """

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Http:
    """A page is served.

    Attributes:
        url: with a numeric address. A certificate is not verified: what is asked is whether
            somebody answers, on this node.
        host: the name to ask for; nothing: that of the URL.
        status: the only good one; None: 200 to 399.
        contains: a text that must be on the page; nothing: any.
    """

    url: str
    host: str
    status: int | None
    contains: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command ends with status 0.

    Attributes:
        command: the program's path, and its arguments.
        user: as whom it runs.
    """

    command: tuple[str, ...]
    user: str


@dataclass(frozen=True, slots=True)
class Check:
    """What is asked, and how often.

    Attributes:
        asks: what.
        interval_us: from one answer to the next question.
        timeout_us: when no answer is a bad one.
        failures: so many bad ones in a row, and it is not well.
        start_us: for so long after a start, bad answers before the first good one do not count.
    """

    asks: Tcp | Http | Command
    interval_us: int
    timeout_us: int
    failures: int
    start_us: int


def read_checks(owner: str, values: Sequence[object]) -> tuple[Check, ...]:
    """Read the checks of a resource.

    Args:
        owner: how messages name the resource.
        values: a list of tables, as read from JSON or TOML.

    Raises:
        OptionError: one cannot be used; says which, and what is allowed.
    """
    return tuple(_check(f"{owner}, check {at}", value) for at, value in enumerate(values, 1))


def shown_url(url: str) -> str:
    """A URL without user, password, query and fragment; nothing of one that cannot be read."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "***"
    place = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=place, query="", fragment="").geturl()


def _check(owner: str, value: object) -> Check:
    if not isinstance(value, Mapping):
        raise Options(owner, {}, ()).error("checks", "write a list of tables.")
    values: Mapping[str, object] = value
    match values.get("kind"):
        case "tcp":
            options = Options(owner, values, _PACE | {"address", "port"})
            asks: Tcp | Http | Command = Tcp(
                _address(options, "address", options.text("address", "127.0.0.1")),
                options.whole("port", 1, 65535),
            )
        case "http":
            options = Options(owner, values, _PACE | {"url", "host", "status", "contains"})
            asks = _http(options)
        case "command":
            options = Options(owner, values, _PACE | {"command", "user"})
            command = options.texts("command")
            if not command[0].startswith("/"):
                raise options.error("command", "begin it with the whole path of a program.")
            asks = Command(command, options.text("user", "root"))
        case _:
            raise Options(owner, {}, ()).error("kind", "write command, tcp or http.")
    return Check(
        asks,
        interval_us=options.seconds_us("interval_s", 0.1, 3600, INTERVAL_S),
        timeout_us=options.seconds_us("timeout_s", 0.05, 600, TIMEOUT_S),
        failures=options.whole("failures", 1, 100, FAILURES),
        start_us=options.seconds_us("start_s", 0, 3600, START_S),
    )


def _http(options: Options) -> Http:
    url = options.text("url")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise options.error("url", "this is no URL.") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise options.error("url", "write a URL, as in http://127.0.0.1:8080/health.")
    _address(options, "url", parts.hostname)
    return Http(
        url,
        host=options.text("host") if options.has("host") else "",
        status=options.whole("status", 100, 599) if options.has("status") else None,
        contains=options.text("contains") if options.has("contains") else "",
    )


def _address(options: Options, name: str, address: str) -> str:
    try:
        return str(ip_address(address))
    except ValueError:
        raise options.error(
            name,
            f"write a numeric address, not {address!r}: a check by name would fail with the name"
            " server.",
        ) from None
