"""Tandem: high-availability recording for video security.

One package a concern, one direction of imports (see `docs/design/architecture.md`). The lower a
package stands, the less it may know: `cluster` and `media` are pure and know no machine.
"""
