"""Where each resource runs, and who follows: a pure function of what is there and what is wanted.

`planner.plan(view, wanted)` reads a snapshot and returns orders, steps and sentences. It does no
I/O, reads no clock and draws no random number; ties go by name. The rules are numbered in
docs/design/plan.md, and named where the code keeps them.

- what is wanted: `resource`; what is there: `view`; both, to be looked up: `site`
- `bundles`: what has to be on one node; `obstacles`: why a node cannot run something
- `room`: how full nodes are; `ranking`: which of those that can is best
- `brake`: when nothing may move by itself
- `making` decides for each bundle its seat (`seats`), and `planner` makes `tandem.cluster.order`s
  of that; `steps` says who starts and stops what after what
- `reasons` explain, `render` writes a plan as text
- `saved`: a plan's input and outcome as one document, to be repeated

Cameras are planned by `tandem.cluster.placement`; both count what a node can take by `load`.
"""
