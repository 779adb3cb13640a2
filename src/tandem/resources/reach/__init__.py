"""Whether this node still has the network that a resource serves: its interface, and who is beyond.

needs   what a definition names: `interface`, `reaches`
echo    ICMP echoes on the wire (pure)
look    one look at this node: the interface's carrier, and an echo of each address

What is made of it, beside what other nodes see, is `tandem.cluster.reach`.
"""
