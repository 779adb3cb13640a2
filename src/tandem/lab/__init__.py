"""A cluster on this machine: hosts in network namespaces, simulated cameras, faults, drills.

`lab.camera` and `lab.counting` prove what the product promises, so they share no code with it.
"""
