"""What we agreed never to write, as tests.

A rule reads one file and says on which lines it is broken. What is an exception to a rule stands in
a list here, with its reason. The last test breaks every rule once, to see that it bites.
"""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).parent.parent
SRC = TOP / "src" / "tandem"

MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 50  # its docstring not counted

# What is long, and better so: the file ("src/tandem/a.py") or the function ("src/tandem/a.py:run"),
# and why.
LONG_FOR_A_REASON: dict[str, str] = {
    "src/tandem/node/agent/agent.py": "it puts all parts of a node together, and does nothing else"
}

GUARD = SRC / "node" / "agent" / "guard.py"  # tells and begins anew; cameras depend on nothing less

CLOCK = SRC / "clock.py"  # the one place that reads the machine's clocks
CLOCK_READINGS = {
    "time.clock_gettime",
    "time.clock_gettime_ns",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.perf_counter_ns",
    "time.time",
    "time.time_ns",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.date.today",
}

# Spelt with brackets, or this file would break its own rules.
UNFINISHED = re.compile(r"\b(T[O]DO|F[I]XME|X[X]X)\b")
SOMEBODYS_MACHINE = re.compile(r"(?<![\w.~}])/(w[o]rk|h[o]me|r[o]ot)/")

Breaches = Iterator[tuple[int, str]]
Rule = Callable[[ast.Module], Breaches]


# --- Rules about Python, which read its syntax tree -------------------------------------------


def no_clock_is_read_but_in_the_clock_module(tree: ast.Module) -> Breaches:
    names = imported_names(tree)
    for call in calls(tree):
        if (name := full_name(call.func, names)) in CLOCK_READINGS:
            yield call.lineno, f"{name}() (take a tandem.clock.Clock)"


def no_error_is_swallowed(tree: ast.Module) -> Breaches:
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        if node.type is None:
            yield node.lineno, "bare except"
        elif {"Exception", "BaseException"} & {
            name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)
        } and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node)):
            yield node.lineno, "except Exception without raise"


def every_task_belongs_to_a_group(tree: ast.Module) -> Breaches:
    groups = task_groups(tree)
    for call in calls(tree):
        starter = ast.unparse(call.func)
        owner, _, method = starter.rpartition(".")
        if method == "ensure_future" or (method == "create_task" and owner not in groups):
            yield call.lineno, f"{starter}() outside a TaskGroup"


def nothing_is_printed_but_by_a_command(tree: ast.Module) -> Breaches:
    for call in calls(tree):
        if isinstance(call.func, ast.Name) and call.func.id == "print":
            yield call.lineno, "print()"


def no_test_sleeps_and_hopes(tree: ast.Module) -> Breaches:
    for call in calls(tree):
        if ast.unparse(call.func).rpartition(".")[2] != "sleep" or not call.args:
            continue
        duration = call.args[0]
        # sleep(0) only lets others run.
        if isinstance(duration, ast.Constant) and duration.value != 0:
            yield call.lineno, f"sleep({duration.value!r}) (wait for a condition)"


PRODUCT_RULES = [
    no_clock_is_read_but_in_the_clock_module,
    no_error_is_swallowed,
    every_task_belongs_to_a_group,
    nothing_is_printed_but_by_a_command,
]


# --- What the rules need to know of a syntax tree ----------------------------------------------


def calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def long_parts(name: str, source: str) -> dict[str, int]:
    """The file, if it has too many lines, and its functions that have, each with how many."""
    found = {name: source.count("\n")} if source.count("\n") > MOST_LINES_OF_A_FILE else {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if ast.get_docstring(node) is not None:
                length -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
            if length > MOST_LINES_OF_A_FUNCTION:
                found[f"{name}:{node.name}"] = length
    return found


def imported_names(tree: ast.Module) -> dict[str, str]:
    """What a local name stands for: {"monotonic": "time.monotonic"}."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            names |= {
                alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names
            }
    return names


def full_name(node: ast.expr, names: dict[str, str]) -> str:
    first, dot, rest = ast.unparse(node).partition(".")
    return names.get(first, first) + dot + rest


def task_groups(tree: ast.Module) -> set[str]:
    """The names under which this file knows a TaskGroup: opened, annotated, or assigned on."""
    groups: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.withitem(context_expr=ast.Call(func=opened), optional_vars=ast.expr() as name):
                if ast.unparse(opened).endswith("TaskGroup"):
                    groups.add(ast.unparse(name))
            case ast.arg(arg=argument, annotation=ast.expr() as kind):
                if "TaskGroup" in ast.unparse(kind):
                    groups.add(argument)
            case ast.AnnAssign(target=target, annotation=kind):
                if "TaskGroup" in ast.unparse(kind):
                    groups.add(ast.unparse(target))
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and ast.unparse(node.value) in groups:
            groups |= {ast.unparse(target) for target in node.targets}
    return groups


# --- The files ---------------------------------------------------------------------------------


def python_files(*places: str) -> list[Path]:
    return sorted(path for place in places for path in (TOP / place).rglob("*.py"))


def text_files() -> Iterator[Path]:
    folders = [".ci", "benchmarks", "docs", "requirements", "scripts", "src", "tests"]
    for path in [*TOP.glob("*"), *(path for name in folders for path in (TOP / name).rglob("*"))]:
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            yield path


def documents() -> list[Path]:
    return sorted([*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md")])


def place(path: Path) -> str:
    return str(path.relative_to(TOP))


def breaches(rule: Rule, files: list[Path]) -> Iterator[str]:
    for path in files:
        for line, what in rule(ast.parse(path.read_text(encoding="utf-8"))):
            yield f"{place(path)}:{line}: {what}"


def report(found: Iterable[str]) -> None:
    """Fails with all that was found, a line each."""
    if lines := list(found):
        pytest.fail("\n".join(lines), pytrace=False)


# --- The tests ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", PRODUCT_RULES, ids=lambda rule: rule.__name__)
def test_the_product_keeps_the_rule(rule: Rule) -> None:
    files = python_files("src")
    if rule is no_clock_is_read_but_in_the_clock_module:
        files.remove(CLOCK)
    if rule is no_error_is_swallowed:
        files.remove(GUARD)
    if rule is nothing_is_printed_but_by_a_command:
        files = [path for path in files if path.name != "__main__.py" and "cli" not in path.parts]
    report(breaches(rule, files))


def test_no_test_sleeps_and_hopes() -> None:
    report(breaches(no_test_sleeps_and_hopes, python_files("tests")))


def test_what_is_long_says_why() -> None:
    long: dict[str, int] = {}
    for path in python_files("src", "tests", "benchmarks"):
        long |= long_parts(place(path), path.read_text(encoding="utf-8"))
    # Split it, or say in LONG_FOR_A_REASON why not.
    report(f"{what}: {long[what]} lines" for what in sorted(set(long) - set(LONG_FOR_A_REASON)))
    report(f"{what}: no longer long" for what in sorted(set(LONG_FOR_A_REASON) - set(long)))


def test_every_package_says_what_lives_there() -> None:
    silent = []
    for folder in {path.parent for path in python_files("src")}:
        package = folder / "__init__.py"
        tree = ast.parse(package.read_text(encoding="utf-8")) if package.exists() else None
        if tree is None or not ast.get_docstring(tree):
            silent.append(place(package))
    report(silent)


@pytest.mark.parametrize(
    "words", [UNFINISHED, SOMEBODYS_MACHINE], ids=["unfinished", "a path of somebody's machine"]
)
def test_no_file_contains(words: re.Pattern[str]) -> None:
    report(
        f"{place(path)}:{number}: {line.strip()[:80]}"
        for path in text_files()
        for number, line in enumerate(path.read_text("utf-8", errors="replace").split("\n"), 1)
        if words.search(line)
    )


def test_locks_name_no_address_to_fetch_from() -> None:
    locks = sorted((TOP / "requirements").glob("*.lock"))
    assert locks
    report(place(lock) for lock in locks if "://" in lock.read_text(encoding="utf-8"))


def test_every_link_in_the_documents_leads_somewhere() -> None:
    report(
        f"{place(document)}: {link}"
        for document in documents()
        for link in links(document.read_text(encoding="utf-8"))
        if not leads_somewhere(document, link)
    )


def test_every_document_is_in_the_index_of_its_folder() -> None:
    report(
        f"{place(document)} is not in {place(document.parent / 'README.md')}"
        for document in (TOP / "docs").rglob("*.md")
        if document.name != "README.md"
        if document.name not in links((document.parent / "README.md").read_text(encoding="utf-8"))
    )


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (TOP / "Makefile").read_text(), re.MULTILINE))
    report(
        f"{place(document)}: make {target}"
        for document in documents()
        for target in re.findall(r"(?:^|`)make ([a-z]+)", document.read_text(), re.MULTILINE)
        if target not in targets
    )


def links(text: str) -> list[str]:
    """The relative links of a Markdown text, those of its pictures included."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    found = re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset|href)=\"([^\"]+)\"", prose)
    every = [markdown or html for markdown, html in found]
    return [link for link in every if not re.match(r"[a-z]+:", link)]


def leads_somewhere(document: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = document.parent / path if path else document
    if not target.exists() or not anchor:
        return target.exists()
    headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
    return anchor in {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (no_clock_is_read_but_in_the_clock_module, "import time\ntime.time()"),
        (no_clock_is_read_but_in_the_clock_module, "from time import monotonic as m\nm()"),
        (no_clock_is_read_but_in_the_clock_module, "import datetime as d\nd.datetime.now(d.UTC)"),
        (no_clock_is_read_but_in_the_clock_module, "from datetime import datetime\ndatetime.now()"),
        (no_error_is_swallowed, "try:\n  f()\nexcept:\n  raise"),
        (no_error_is_swallowed, "try:\n  f()\nexcept (OSError, Exception):\n  pass"),
        (every_task_belongs_to_a_group, "asyncio.create_task(f())"),
        (every_task_belongs_to_a_group, "asyncio.get_running_loop().create_task(f())"),
        (every_task_belongs_to_a_group, "asyncio.ensure_future(f())"),
        (nothing_is_printed_but_by_a_command, "print(1)"),
        (no_test_sleeps_and_hopes, "import time\ntime.sleep(0.1)"),
    ],
)
def test_a_rule_finds_what_breaks_it(rule: Rule, source: str) -> None:
    assert list(rule(ast.parse(source)))


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (no_clock_is_read_but_in_the_clock_module, "clock.time(); time.strftime('%Y')"),
        (no_error_is_swallowed, "try:\n  f()\nexcept Exception:\n  g()\n  raise"),
        (every_task_belongs_to_a_group, "with TaskGroup() as g:\n  g.create_task(f())"),
        (every_task_belongs_to_a_group, "def f(g: asyncio.TaskGroup): g.create_task(h())"),
        (no_test_sleeps_and_hopes, "asyncio.sleep(0)"),
    ],
)
def test_a_rule_lets_pass_what_keeps_it(rule: Rule, source: str) -> None:
    assert not list(rule(ast.parse(source)))


def test_length_is_measured_without_the_docstring() -> None:
    described = "def f():\n  '''" + "\n" * 60 + "'''\n  f()\n"
    assert long_parts("a.py", described) == {}
    assert long_parts("a.py", "def f():\n" + "  f()\n" * 50) == {"a.py:f": 51}
    assert long_parts("a.py", "f()\n" * 401) == {"a.py": 401}


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("# Some words\n[a](#some-words) [b](#none) [c](b.md) ![d](a.md)\n")
    found = links(document.read_text())
    assert [link for link in found if not leads_somewhere(document, link)] == ["#none", "b.md"]
