"""A node in a host: the agent's and the pulse's hold of one address, told what to do by lines.

    python -m tests.resources.address.node RUN_DIRECTORY OPTIONS_AS_JSON

Each line that it reads is JSON, [call, arguments...]; each answer is JSON too. Times are given in
seconds from now.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from tandem.clock import SystemClock
from tandem.cluster.exclusive.values import Token
from tandem.resources.address.kind import AddressKind
from tandem.resources.kind import Place, ResourceError

CLOCK = SystemClock()


def _from_now(seconds: float) -> int:
    return CLOCK.boot_us() + round(seconds * 1e6)


class Node:
    def __init__(self, run_directory: Path, options: dict[str, object]) -> None:
        place = Place("node", run_directory, Path("/nowhere"), CLOCK)
        self._resource = AddressKind().resource("web", options, place)
        self._grip = AddressKind().grip("web", options, place)

    async def do(self, call: str, *arguments: Any) -> Any:
        soon_us = _from_now(20)
        match call:
            case "probe":
                found = await self._resource.probe(soon_us)
                return [found.presence.value, found.token, found.evidence]
            case "start":
                revision, entitled_s = arguments
                token = Token(1, revision)
                return await self._resource.start(token, _from_now(entitled_s), soon_us)
            case "stop":
                patience_s = arguments[0] if arguments else 20
                return await self._resource.stop(_from_now(patience_s), soon_us)
            case "kill":
                return await self._grip.kill(soon_us)
            case "extend":
                return self._grip.extend(_from_now(arguments[0]))
            case "health":
                health = await self._resource.health(soon_us)
                return [health.is_well, health.said]


async def main(run_directory: str, options: str) -> None:
    node = Node(Path(run_directory), json.loads(options))
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        began_us = CLOCK.boot_us()
        try:
            answer = {"result": await node.do(*json.loads(line))}
        except ResourceError as error:
            answer = {"error": type(error).__name__, "said": str(error)}
        answer["took_us"] = CLOCK.boot_us() - began_us
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
