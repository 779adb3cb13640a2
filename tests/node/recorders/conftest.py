"""Fixtures that recorders share with the cameras they record."""

from tests.lab.camera.conftest import cache

__all__ = ["cache"]
