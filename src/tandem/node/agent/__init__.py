"""The agent: supervises what runs on a node, keeps its session, carries out placements.

Deciding, pure:
standing    what this node cannot record, and whose sessions it has
handover    what is recorded on until others have it
turns       what is asked in another way, by one node after the other
heal_orders, archivist_orders  what the archivist is told
shelf       what the store holds under one prefix, read
presence    which nodes are gone for good, by their sessions
work        what recorders and archivist of this node are to do
planning    who plans, and how a plan is written

Acting:
store_member  the member of the store that runs here
store_care    what is done for the store besides: room, speed, backups
store_roles   which nodes hold the store
volumes       which volumes are mounted
pulse_view    what the pulse says, and is told
candidacy     this node among those that may coordinate
registration  this node's own entry in the store
memory        what the store said last, for a start without it
catalogue     following the store
planner       planning, where it is this node's turn
recording     the recorders, as soon as there is a volume
clocks        whether this node's clock may be believed
guard         parts that must not end the agent
hearing       what the others can record, and whose sessions they have
report        how this node is
agent         all of it put together
"""
