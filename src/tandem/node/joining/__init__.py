"""How servers come to a cluster and leave it.

peers       the other nodes, as the store and this node's settings name them (pure)

May import the rest of `node`, but for `agent`, which uses it.
"""
