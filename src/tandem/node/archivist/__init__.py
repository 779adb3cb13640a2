"""The archivist: everything slow that a node does with what is recorded. A process of its own.

docs/design/two-copies.md has the rules, D1 to D7, that the code names. A recorder never waits for
an archivist, and an archivist that stops makes copies live longer, and that is all.

    errors     what may go wrong
    view       what it knows of the cluster (an interface)

    Deciding, pure (with `cluster.promise` and `cluster.second_copy`):
    messages   what archivists say to each other
    matching   which pictures that somebody names are held here
    comparing  what lacks here of another node's copy
    copies     how far this node's copies are

    Acting, blocking:
    contents   a segment read again from the disk, and verified
    holdings   the volumes of this node
    filing     what was fetched becomes segments of this node

    Acting, in an event loop:
    promises   the primary's side: may this node promise?
    service    what other nodes may ask
    client     asking them, over several links
    dropping   the second's side: may this copy be dropped?
    throttle   how fast
    healing    fetching what lacks
    listing    what other nodes have
    reconciler comparing copies until nothing lacks
    archivist  all of it put together
"""
