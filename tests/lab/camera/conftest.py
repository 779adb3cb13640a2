"""Cameras for tests, with material that is encoded once."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.lab.camera.running import CameraThread, RunningCameras, with_defaults

StartCameras = Callable[..., RunningCameras]


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of encoded material, one for all workers."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "camera-material"


@pytest.fixture
def start(cache: Path, tmp_path: Path) -> Iterator[StartCameras]:
    """Starts one camera with some settings, or several from a list of settings."""
    with ExitStack() as running:

        def begin(cameras: list[dict[str, Any]] | None = None, **settings: Any) -> RunningCameras:
            complete = with_defaults(cameras or [settings])
            return running.enter_context(CameraThread(tmp_path, cache, complete))

        yield begin
