"""What goes wrong below an address, before it becomes a `ResourceError`."""


class FormatError(Exception):
    """Bytes are not what they should be."""


class KernelError(Exception):
    """The kernel refused, or did not answer: a sentence for administrators.

    Attributes:
        number: its errno.
    """

    def __init__(self, sentence: str, number: int) -> None:
        super().__init__(sentence)
        self.number = number


class InterfaceError(Exception):
    """No interface fits, or more than one: a sentence for administrators."""
