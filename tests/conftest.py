"""What every test gets: patience with slow machines, and lab tests only where they can run."""

import subprocess
from pathlib import Path

import hypothesis
import pytest

PREFLIGHT = Path(__file__).parent.parent / "scripts" / "preflight"

# A machine that is busy with other tests is no reason for a property to fail.
hypothesis.settings.register_profile(
    "tandem",
    deadline=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("tandem")


@pytest.hookimpl(trylast=True)  # after -m has taken out what is not asked for
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lab = [(item, marker) for item in items if (marker := item.get_closest_marker("lab"))]
    if not lab:
        return
    missing = missing_features()
    for item, marker in lab:
        lacking = missing & {"netns", "veth", *marker.args}
        if lacking:
            names = ", ".join(sorted(lacking))
            item.add_marker(
                pytest.mark.skip(f"not on this machine: {names} (scripts/preflight test)")
            )


def missing_features() -> set[str]:
    """The kernel features that lab tests may ask for and that this machine does not have."""
    found = subprocess.run(
        [PREFLIGHT, "--missing", "test"], capture_output=True, text=True, check=True, timeout=30
    )
    return set(found.stdout.split())
