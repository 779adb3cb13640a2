"""A node's settings and an agent that a test plays, for commands that ask it."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from tests.node.control.material import KEY, PlayedAgent, serving

from tandem.cli.main import main

PASSWORD = "s3cr3t-word"


@dataclass
class Desk:
    """Where commands are typed: this node, and its agent."""

    directory: Path
    agent: PlayedAgent

    @property
    def settings(self) -> Path:
        return self.directory / "node.toml"

    def run(self, *arguments: str, given: str | None = None) -> Result:
        """Type a command; it finds this node's settings."""
        return CliRunner().invoke(main, [*arguments, "--settings", str(self.settings)], input=given)

    def file(self, name: str, text: str, mode: int = 0o600) -> str:
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    def enter(self, *arguments: str, **more: Any) -> Result:
        """Enter a camera, without trying it."""
        typed = arguments or ("Gate", "rtsp://192.0.2.10/stream1")
        return self.run("camera", "add", *typed, "--no-test", **more)


def desk_at(directory: Path) -> Desk:
    (directory / "data").mkdir()
    (directory / "data" / "cluster.key").write_bytes(KEY)
    (directory / "node.toml").write_text(
        f'node = "node1"\ncluster = 4711\ndata = "{directory}/data"\n'
        '[[links]]\nname = "a"\naddress = "10.0.1.1"\n'
    )
    return Desk(directory, PlayedAgent())


@contextmanager
def desk_with_agent(directory: Path) -> Generator[Desk, None, None]:
    desk = desk_at(directory)
    with serving(desk.agent, directory / "data" / "agent.sock"):
        yield desk
