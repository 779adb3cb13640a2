"""Recordings of the whole cluster, read from any node: for exports and coverage.

Every node is asked in one way, this one too: its archivist, over HTTPS on any link, with this
node's certificate. The callers are blocking code; what is asynchronous runs in a thread of its own.

    asking      archivists of all nodes, asked from blocking code
    remote      the volumes of another node as a source of exports
    recordings  who is there, and what they have
    finding     which camera is meant; up to when there can be recordings (pure)
    outside     why there is nothing from before the first recording, or after a removal (pure)
    tasks       what is a node's to keep, as the cluster places it now (pure)
    coverage    what each copy has, what all of them lack, and why (pure)
"""
