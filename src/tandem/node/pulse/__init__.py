"""What must never be late: heartbeats, the session, exclusive resources. A process of its own.

    agent --orders--> pulse --transactions--> store
          <--reports--       --kinds--------> resources, other nodes' pulses by UDP

- `engine` runs `cluster.exclusive`: it carries out what that asks for, and tells what came of it
- `store_words` puts the engine's transactions and views into the store's terms; pure
- `hands` is what the engine needs done besides: resources, fencing, messages; `node_hands` does it,
  `running` one resource at a time; `unwell` waits until one is not well; `leftovers` is what an
  earlier pulse may have left; `fencing` what ends machines
- `messages` is what agent and pulse say to each other; `link` and `child` are the agent's end of
  that, `pipes` and `process` the pulse's; `reporting` makes the reports
- `privileges` and `lateness` are about being on time
- `pulse` is all of it put together

Few imports and nothing slow: no recording, no web. May import `cluster`, `clock`, `resources`, and
of `node` the store's client, `beats`, `children` and what these need.
"""
