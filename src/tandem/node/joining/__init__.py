"""How servers come to a cluster and leave it.

peers       the other nodes, as the store and this node's settings name them (pure)
token       what is carried to the new server (pure)
application what a server says of itself, and whether it can be let in (pure)
signing     the authority's key, sealed in the store
inviting    invitations made and used up, certificates signed
service     where servers ask to join
client      the side of the server that joins
reaching    whether two servers reach each other on every link
making      settings, keys and volumes of a node, and what is checked before
renewal     certificates renewed before they end
removing    taking a node out for good

May import the rest of `node`, but for `agent`, which uses it.
"""
