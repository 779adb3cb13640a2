"""Sessions, suspicion, eviction, ownership, placement, the plan.

Sans-I/O; imports nothing of Tandem. State and events in, new state and effects out; the time and
random nonces are arguments. What is where:

- what is stored: `model`, as JSON by `document`, under `keys`
- who records: `placement` plans, in the steps of `placing` (`load` counts, `least_loaded` finds,
  `why` explains), `replanning` faster after a loss; `duties` says what it means here
- where resources run: `plan`, a package of its own, gives each an `order`
- what an operator says of a node: `intent`; of where a resource is to be: `wish`
- what a node says of itself to whoever plans: `node_report`
- who is there: `heartbeat` on the wire, `suspicion` from `link_state`, `local_health`, `settling`
- who has lost a network that resources serve: `reach`
- a node's membership: `session`
- who may run an exclusive resource: `exclusive`, a package of its own
- what may be deleted: `second_copy` asks, `promise` answers
"""
