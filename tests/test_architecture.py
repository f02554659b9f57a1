"""The map of ARCHITECTURE.md, held against the imports. If this fails, the map or the import is wrong; usually it is
the import."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "botdeck"
CENTRE = {"changes", "data_dir", "errors", "lifecycle", "models", "protocol", "restart_policy", "settings"}
MAY_IMPORT = {
    "changes": {"errors", "protocol", "settings"},
    "data_dir": set(),
    "errors": set(),
    "models": set(),
    "lifecycle": {"errors", "models", "restart_policy"},
    "restart_policy": {"models"},
    "protocol": {"errors", "models"},
    "settings": {"errors", "models"},
    "sdk": set(),
    "integrations": {"sdk"},
    "storage": CENTRE,
    "deck": CENTRE | {"storage"},
    "runner": CENTRE | {"sdk"},
    "cli": CENTRE,
    "testing": set(),
    "": {"sdk", "integrations"},
}
"""What each part may import of the others; "" is `botdeck/__init__.py`."""
STANDARD_LIBRARY_ONLY = CENTRE - {"settings"} | {"sdk", ""}


def part_of(path: Path) -> str:
    first = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, absolute module name) of every import in the file, those inside functions included."""
    package = ["botdeck", *path.relative_to(SOURCE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            # `from botdeck.deck import x` may name a module.
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def modules() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_one_way(path: Path) -> None:
    part = part_of(path)

    strays = [
        f"line {line}: {name}"
        for line, name in imports(path)
        if name.startswith("botdeck.")
        and (target := name.split(".")[1]) != part
        and target not in MAY_IMPORT[part]
        and (SOURCE / target).with_suffix(".py").exists() | (SOURCE / target).is_dir()
    ]

    assert not strays, f"botdeck/{part} may import {sorted(MAY_IMPORT[part]) or 'nothing of botdeck'}"


@pytest.mark.parametrize(
    "path",
    [path for path in modules() if part_of(path) in STANDARD_LIBRARY_ONLY],
    ids=lambda path: str(path.relative_to(SOURCE)),
)
def test_the_centre_and_the_sdk_use_the_standard_library_only(path: Path) -> None:
    others = [
        f"line {line}: {name}"
        for line, name in imports(path)
        if (root := name.partition(".")[0]) != "botdeck" and root not in sys.stdlib_module_names
    ]

    assert not others


def test_every_part_is_on_the_map() -> None:
    parts = {part_of(path) for path in modules()}

    assert parts <= set(MAY_IMPORT)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_module_is_too_long_to_read(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 600


def test_there_is_no_drawer_for_odds_and_ends() -> None:
    assert not [path for path in modules() if path.stem in {"utils", "helpers", "misc", "common"}]


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module_name(path): set(filter(None, (existing(name) for _, name in imports(path)))) for path in modules()}

    circles = [f"{start} -> {end}" for start in graph for end in graph[start] if start in reachable(graph, end)]

    assert not circles


def module_name(path: Path) -> str:
    return ".".join(["botdeck", *path.relative_to(SOURCE).with_suffix("").parts]).removesuffix(".__init__")


@cache
def module_names() -> frozenset[str]:
    return frozenset(map(module_name, modules()))


def existing(name: str) -> str | None:
    """The module of ours that an imported name is, or lies in."""
    while name and name not in module_names():
        name = name.rpartition(".")[0]
    return name if name.startswith("botdeck.") else None


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    todo = [start]
    while todo:
        module = todo.pop()
        if module not in found:
            found.add(module)
            todo += graph.get(module, ())
    return found
