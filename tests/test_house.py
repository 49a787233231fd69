"""The rules of the house, read from the code itself (docs/architecture.md)."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "memwatch"

LEVELS = {
    "cli": 10, "cli_live": 10, "cli_pages": 10, "cli_train": 10, "options": 10, "__main__": 10, "console": 10,
    "process": 10,
    "tasks": 9,
    "web": 8,
    "live": 7,
    "pipeline": 6,
    "sinks": 5,
    "events": 4,
    "scoring": 3,
    "runtime": 2,
    "model": 1, "video": 1,
    "__init__": 0, "types": 0, "config": 0, "errors": 0, "clock": 0, "files": 0,
}  # fmt: skip
FRIENDS = tuple({k for k, level in LEVELS.items() if level == alone} for alone in (10, 0))
"""Files of one level that are no rooms of their own and may import each other."""
TORCH_ROOMS = (
    "memwatch/model/",
    "memwatch/runtime/torch_runtime.py",
    "memwatch/tasks/train.py",
    "memwatch/tasks/step.py",
    "memwatch/tasks/prefetch.py",
    "memwatch/tasks/device.py",
    "memwatch/tasks/adversary.py",
    "memwatch/tasks/fast_weights.py",
    "memwatch/tasks/checkpoint.py",
)
MAY_PRINT = ("memwatch/cli.py", "memwatch/cli_live.py", "memwatch/console.py", "memwatch/process.py")
MAX_LINES = 400

MODULES = sorted(PACKAGE.rglob("*.py"))
WRITTEN = [
    *MODULES,
    *(p for folder in ("tests", "samples", "benchmarks") for p in (ROOT / folder).rglob("*.py")),
]
# Put together here, or this file would break its own rule.
PRIVATE = re.compile("|".join(["/wo" + r"rk/\w", r"/ro" + r"ot/\w", "/ho" + r"me/\w", "/op" + "t/py", "/tm" + r"p/\w"]))
HOSTS = re.compile("|".join(["pypi" + r"\.org", "pythonhosted" + r"\.org", "download" + r"\.pytorch"]))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room(module: str) -> str:
    """The room, or top-level file, that a dotted name in memwatch lies in."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of every import anywhere in the file, also those inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}:{node.lineno}: a relative import"
            source = node.module or ""
            if source == "memwatch":  # `from memwatch import console` names a room
                yield from ((node.lineno, f"memwatch.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, source


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_room_imports_only_rooms_below_it(path: Path) -> None:
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    assert own in LEVELS, f"{own} has no level: give it one here and in docs/architecture.md"
    for line, module in imports(path):
        if module != "memwatch" and not module.startswith("memwatch."):
            continue
        other = room(module)
        other = other if other in LEVELS else "__init__"  # a name of the package itself: __version__
        allowed = other == own or LEVELS[other] < LEVELS[own] or any({own, other} <= f for f in FRIENDS)
        assert allowed, f"{name(path)}:{line}: {own} ({LEVELS[own]}) imports {other} ({LEVELS[other]})"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_torch_stays_in_its_rooms_and_pickle_out_of_all(path: Path) -> None:
    for line, module in imports(path):
        top = module.split(".")[0]
        where = f"{name(path)}:{line}"
        assert top not in ("pickle", "cPickle", "dill", "cloudpickle", "joblib"), where
        assert top not in ("torch", "torchvision") or name(path).startswith(TORCH_ROOMS), where


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_nothing_is_unpickled_and_stdout_is_left_to_the_command_line(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        called, where = ast.unparse(node.func), f"{name(path)}:{node.lineno}"
        assert called not in ("torch.load", "torch.save"), where
        unpickles = [k for k in node.keywords if k.arg == "allow_pickle" and ast.unparse(k.value) != "False"]
        assert not unpickles, where
        if name(path) not in MAY_PRINT:
            assert called not in ("print", "sys.stdout.write"), where


@pytest.mark.parametrize("path", WRITTEN, ids=name)
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


def test_the_rooms_stand_in_the_architecture() -> None:
    """The table in docs/architecture.md and LEVELS above say the same about every room (folder)."""
    table = {
        found: int(level)
        for level, names in re.findall(r"^\| (\d+) \| (.+?) \|", (ROOT / "docs/architecture.md").read_text(), re.M)
        for found in re.findall(r"(\w+)/`", names)
    }
    assert table == {d.name: LEVELS[d.name] for d in PACKAGE.iterdir() if any(d.glob("*.py"))}


def tracked() -> list[Path]:
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    return [ROOT / line for line in listed.split("\0") if line]


def test_no_text_names_a_path_or_a_package_host_of_the_machine_it_was_written_on() -> None:
    for path in tracked():
        if not path.is_file():
            continue
        data = path.read_bytes()
        if b"\0" in data:
            continue  # not text
        for number, line in enumerate(data.decode(errors="replace").splitlines(), 1):
            found = PRIVATE.search(line) or HOSTS.search(line)
            assert not found, f"{name(path)}:{number}: {found and found.group()}"


def test_the_lock_pins_with_hashes_and_leaves_torch_to_the_makefile() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pins = re.findall(r"^([a-z0-9._-]+)==", lock, re.M)
    assert len(pins) > 40
    assert lock.count("== \\") == 0
    assert all(re.search(rf"^{re.escape(pin)}==\S+ \\\n    --hash=sha256:", lock, re.M) for pin in pins)
    assert "://" not in lock
    assert not {"torch", "triton"} & set(pins)
    assert not [pin for pin in pins if pin.startswith(("nvidia", "cuda"))]
