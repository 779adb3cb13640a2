"""The processes that a node's agent keeps running: started, told, watched, replaced, ended.

A child reads its orders from standard input, one JSON object a line, each the whole of what is
wanted; it says each second on standard output how it is; it logs to standard error; and it ends
when its input does. Which child it is, and what it is told, is for `node.recorders` and
`node.archivist`.

What is decided is pure: whether one hangs (`health`), when it is started again (`restarts`), what
lines it wrote (`lines`). What acts is thin: one process (`child`), and its place (`slot`).
"""
