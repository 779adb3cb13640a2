"""The one way in which a stream's description can be refused."""


class CodecError(ValueError):
    """A parameter set, codec configuration or packet says what cannot be, or is not recorded.

    The message is a sentence for people; whoever knows the camera adds its name.
    """
