"""What people and other nodes may ask of an agent: see docs/reference/control-socket.md.

protocol    what an agent has to offer, `NodeControl`, and what it may answer instead
cameras     the cameras' part of it, on the store
composed    all of it, from what an agent has
resources   the resources' part, likewise; `definitions` are read, and refused as a whole
services    the nodes' part, likewise; `writing` changes one key
agreed      what stands in the store, for the cluster's status
documents   cameras and their placements as JSON
checks      what is refused of a camera before it is stored
merge       the cluster's status, of the nodes' own (pure); `troubles`: why, in sentences (pure)
resource_status  how each resource is, and why it does not run (pure)
links       the links between nodes, of what both ends say (pure)
words       what a node says of its cameras to the others, as JSON (pure)
asking      other nodes' status, over HTTPS
service     the requests: over a Unix socket for people, over HTTPS for other nodes
client      asking a socket, for the command line
"""
