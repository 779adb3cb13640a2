"""The recorder processes of a node, kept running by `node.children` and told what to record.

What is decided is pure: which process records a camera (`spread`), what each is told (`wanted`),
what all of them say together (`report`). `recorders` puts it together.
"""
