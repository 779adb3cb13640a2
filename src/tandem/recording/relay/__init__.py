"""A camera's pictures from one recorder to that of another node, where it allows one session only.

protocol    what travels: messages of `framing`, over TLS
feed        a stream as it is passed on: what its source pushes, kept for a few seconds
server      listens on the links, and serves whoever asks
source      asks: the `Source` of a stream that another node passes on
relays      all of this of one recorder process
"""
