"""Figures, each side by side with a peer or the physical limit, in one run on one machine.

`make bench` runs them all and prints tables; `docs/reference/benchmarks.md` keeps the last results.
No test depends on a figure from here.
"""
