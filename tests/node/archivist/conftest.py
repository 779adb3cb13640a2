"""Fixtures that archivists share with the cameras of their tests."""

from tests.lab.camera.conftest import cache

__all__ = ["cache"]
