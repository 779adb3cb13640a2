"""What the engine has done by others: everything but the store."""

from typing import Protocol

from tandem.cluster.exclusive.events import (
    Entitled,
    Fence,
    Fenced,
    FencingFailed,
    Message,
    Start,
    Started,
    StartFailed,
    Stop,
    StopFailed,
    Stopped,
)


class Hands(Protocol):
    """Carries out what the engine decides. The methods that wait may be cancelled and repeated."""

    async def prove(self) -> None:
        """Stop whatever exclusive runs on this machine, whoever started it.

        It tries until that is proven, or until it is cancelled.
        """
        ...

    async def start(self, effect: Start) -> Started | StartFailed:
        """Start a resource, with its end set in the kernel to what `entitle` said last."""
        ...

    async def stop(self, effect: Stop) -> Stopped | StopFailed:
        """Stop a resource, and prove it."""
        ...

    def entitle(self, effect: Entitled) -> None:
        """Push the end in the kernel of all that runs forward. Never waits."""
        ...

    async def fence(self, effect: Fence) -> Fenced | FencingFailed:
        """Have another node switched off."""
        ...

    def fence_self(self, reason: str) -> None:
        """End this machine, now. It may return: then it is asked for again."""
        ...

    def send(self, to: str, message: Message) -> None:
        """Send a message to another node, over all links. Never waits."""
        ...

    def say(self, sentence: str) -> None:
        """Tell the administrator. Never waits."""
        ...
