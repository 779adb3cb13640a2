"""One summary for two runs of pytest, as `make test` needs: one without labs, then the labs.

The first keeps its reports in a file (`--keep-reports`), the second adds them to its own
(`--with-reports`), so that its summary, and its exit status, speak for both.
"""

import pickle
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--keep-reports", type=Path, metavar="FILE")
    parser.addoption("--with-reports", type=Path, metavar="FILE")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return  # a parallel worker: its reports reach the run that started it
    if config.option.keep_reports:
        config.pluginmanager.register(KeptReports(config, config.option.keep_reports))
    if config.option.with_reports:
        config.pluginmanager.register(AddedReports(config, config.option.with_reports))


class KeptReports:
    """Writes down what each test reported."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        self._config = config
        self._path = path
        self._reports: list[dict[str, object]] = []
        self._began_s = time.perf_counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        data.pop("node", None)  # the parallel worker that it came from
        self._reports.append(data)

    def pytest_sessionfinish(self) -> None:
        duration_s = time.perf_counter() - self._began_s
        kept = {"duration_s": duration_s, "reports": self._reports}
        self._path.write_bytes(pickle.dumps(kept))


class AddedReports:
    """Adds what the earlier run wrote down to the summary and the exit status of this one."""

    def __init__(self, config: pytest.Config, path: Path) -> None:
        kept = pickle.loads(path.read_bytes())
        self._duration_s: float = kept["duration_s"]
        self._reports: list[pytest.TestReport] = [
            config.hook.pytest_report_from_serializable(config=config, data=data)
            for data in kept["reports"]
        ]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        status = pytest.ExitCode
        if self._reports and session.exitstatus == status.NO_TESTS_COLLECTED:
            session.exitstatus = status.OK
        if any(report.failed for report in self._reports) and session.exitstatus == status.OK:
            session.exitstatus = status.TESTS_FAILED

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # before the failures are printed
    def pytest_terminal_summary(
        self, terminalreporter: TerminalReporter, config: pytest.Config
    ) -> Generator[None]:
        stats = terminalreporter.stats
        # Those of the earlier run were not selected in this one, and are no news.
        stats["deselected"] = [
            item for item in stats.get("deselected", []) if item.get_closest_marker("prove")
        ]
        for report in self._reports:
            category, _, _ = config.hook.pytest_report_teststatus(report=report, config=config)
            stats.setdefault(category, []).append(report)
        yield
        ran = len({report.nodeid for report in self._reports})
        terminalreporter.line(f"{ran} of these ran before, in {self._duration_s:.1f} s")
