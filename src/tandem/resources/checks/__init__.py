"""Whether a resource does for its users what it is there for: asked by command, TCP or HTTP.

- `options` reads the checks of a definition.
- `asking` carries one out, with a deadline, and says what it saw.
- `verdict` judges by several of them in a row (pure).
- `failing` carries out all checks of a resource until one fails by its verdict.

A check never says that something is stopped, and never stops anything: that is for the engine.
"""
