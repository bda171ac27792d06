"""Planted bugs: the simulator is believed when it finds nothing, because it finds these."""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec, spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

# What a hunt loads anew, in one piece: nothing of it may still hold a class that has no bug.
OURS = ("lookalike", "functions", "local", "tests.simulator")


@dataclass(frozen=True, slots=True)
class Bug:
    """One mistake in one module. name: what is wrong, in words."""

    name: str
    module: str
    old: str
    new: str

    def planted_in(self, source: str) -> str:
        """The module's source with the mistake.

        Raises ValueError unless the old lines are there exactly once: the code has moved on, and
        the bug must follow it.
        """
        lines = re.compile(f"^{re.escape(self.old)}$", re.MULTILINE)
        mistaken, found = lines.subn(lambda _: self.new, source)
        if found != 1:
            raise ValueError(f"{self.name}: its lines occur {found} times in {self.module}")
        return mistaken


def bugs_in(module: str, patches: str) -> tuple[Bug, ...]:
    """Read patches that are separated by empty lines: a name, then whole lines.

    As in a diff "-" is a line to take away, "+" one to put in, " " one that stays.
    """
    return tuple(_bug(module, *one.split("\n")) for one in patches.strip("\n").split("\n\n"))


def _bug(module: str, name: str, *lines: str) -> Bug:
    old = "\n".join(line[1:] for line in lines if line[0] in "- ")
    new = "\n".join(line[1:] for line in lines if line[0] in "+ ")
    return Bug(name, module, old, new)


class _Patched(SourceFileLoader):
    """Never reads nor writes byte code: the file is not what is run."""

    def __init__(self, bug: Bug, path: str) -> None:
        super().__init__(bug.module, path)
        self.bug = bug

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path).decode()
        return compile(self.bug.planted_in(source), self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    """Finds one module, the one with the bug; the others are found as always."""

    def __init__(self, bug: Bug) -> None:
        self.bug = bug

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.bug.module:
            return None
        found = PathFinder.find_spec(fullname, path)
        if found is None or found.origin is None:
            return None
        loader = _Patched(self.bug, found.origin)
        return spec_from_file_location(fullname, found.origin, loader=loader)


def source_of(module: str) -> Path:
    """Where its source lies; runs nothing but the packages it is in."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ValueError(f"{module} has no source")
    return Path(spec.origin)


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """Inside, every import of our own code is fresh, and has the bug; outside, all is as it was."""
    finder = _Finder(bug)
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if _is_ours(name)}
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in list(sys.modules):
            if _is_ours(name):
                del sys.modules[name]
        sys.modules.update(before)
        _hang_up_again(before)


def _hang_up_again(modules: dict[str, ModuleType]) -> None:
    """A module is an attribute of its package too, where the fresh one has taken its place."""
    for name, module in modules.items():
        package, _, leaf = name.rpartition(".")
        if package in sys.modules:
            setattr(sys.modules[package], leaf, module)


def _is_ours(name: str) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in OURS)
