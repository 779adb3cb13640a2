"""The recorder processes of a node: started, told what to record, watched, replaced.

What is decided is pure: which process records a camera (`spread`), what each is told (`wanted`),
whether one hangs (`health`), when it is started again (`restarts`), what all of them say together
(`report`). What acts is thin: one process (`child`), its place among the others (`slot`), and all
of them (`recorders`).
"""
