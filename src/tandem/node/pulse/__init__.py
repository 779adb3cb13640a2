"""What must never be late: the session, the kill switch for exclusive resources.

    store <--transactions-- engine --starts, stops--> hands --> resources
               views ------->   <------- what became of it

- `engine` runs `cluster.exclusive`: it carries out what that asks for, and tells what came of it
- `store_words` puts the engine's transactions and views into the store's terms; pure
- `hands` is what the engine needs done besides: resources, fencing, messages

Few imports and nothing slow: no recording, no web. May import `cluster`, `clock`, `node.store`,
`resources`.
"""
