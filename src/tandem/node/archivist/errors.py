"""What may go wrong between archivists, told apart by what is to be done."""


class ArchivistError(Exception):
    """Anything that an archivist refuses or fails to do; the message is for the administrator."""


class GivenUpError(ArchivistError):
    """Nobody waits any more for what was being read."""


class UnsoundError(ArchivistError):
    """A segment's bytes are not those that were recorded: it is neither promised nor kept."""


class MessageError(ArchivistError):
    """A message is not of the form or version that this release understands."""


class PeerError(ArchivistError):
    """Another node did not give what it was asked for."""


class PeerUnreachableError(PeerError):
    """No link brought an answer in time. Whether the peer got the question is not known."""


class PeerRefusedError(PeerError):
    """The peer has answered, and said no; asking again by another link changes nothing."""


class PeerLiesError(PeerError):
    """What the peer sent is not what it says it is. Nothing of it is kept."""
