"""Third-party packages from the lock, for Lambda or for this machine, with their bytecode."""

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

LOCK = Path(__file__).parent.parent / "layers/common/requirements.lock"

HERE = "here"
# Lambda's Python 3.13 runs on Amazon Linux 2023, whose glibc is 2.34; 2.17 is the oldest that
# wheels for arm64 name.
GLIBC_MINORS = range(17, 35)


class Target(NamedTuple):
    """Where packages are to run. The default is Lambda; `Target.here()` is this very machine."""

    python: str = "3.13"
    platform: str = "aarch64"  # as in a wheel's name, or HERE

    @classmethod
    def here(cls) -> "Target":
        return cls(f"{sys.version_info.major}.{sys.version_info.minor}", HERE)

    @property
    def tags(self) -> list[str]:
        """pip takes the tags given and no others: an older glibc does not follow from a newer."""
        return [
            f"manylinux2014_{self.platform}",
            *(f"manylinux_2_{minor}_{self.platform}" for minor in GLIBC_MINORS),
        ]

    @property
    def flags(self) -> list[str]:
        """What tells pip so. Wheels only: nobody's setup.py runs, and none could for Lambda."""
        if self.platform == HERE:
            return ["--only-binary=:all:"]
        platforms = (word for tag in self.tags for word in ("--platform", tag))
        return [
            "--only-binary=:all:",
            "--implementation=cp",
            f"--python-version={self.python}",
            *platforms,
        ]


LAMBDA = Target()

# The lock holds the hashes of the wheels for these.
LOCKED = [Target(python, machine) for python in ("3.11", "3.12", "3.13") for machine in
          ("x86_64", "aarch64")]  # fmt: skip


def is_locked(target: Target) -> bool:
    if target.platform != HERE:
        return target in LOCKED
    linux = sys.platform == "linux" and platform.libc_ver()[0] == "glibc"
    return linux and Target(target.python, platform.machine()) in LOCKED


def requirements(target: Target) -> str:
    """The lock's text; without hashes for a machine that the lock has none for."""
    text = LOCK.read_text()
    return text if is_locked(target) else re.sub(r" \\\n +--hash=\S+", "", text)


def install(target: Target, folder: Path) -> None:
    """Every package of the lock into `folder`, as wheels hold them. Asks the package index."""
    folder.mkdir(parents=True)
    listed = folder.with_suffix(".txt")
    listed.write_text(requirements(target))
    pip("install", *target.flags, "--no-deps", "--no-compile", f"--target={folder}", "-r", listed)
    listed.unlink()


def pip(*words: str | Path) -> None:
    ran = _run(sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *words)
    if ran.returncode:
        raise RuntimeError(f"pip could not do it:\n{ran.stderr.strip()}")


def python_for(target: Target) -> str | None:
    """An interpreter here whose bytecode the target can read: one of the same minor version.

    A version manager's stand-in may be found and then fail, so it is asked.
    """
    if target.python == Target.here().python:
        return sys.executable
    python = shutil.which(f"python{target.python}")
    return python if python and not _run(python, "-S", "-c", "").returncode else None


def compile_all(python: str, folder: Path) -> None:
    """Lambda's code is read-only, so bytecode that is not uploaded is made at every cold start.

    Unchecked: Lambda gives files times of its own, which would make every timestamp stale.
    """
    flags = ["-q", "-j", "0", "--invalidation-mode", "unchecked-hash", "-s", folder]
    ran = _run(python, "-I", "-m", "compileall", *flags, folder)
    if ran.returncode:
        raise RuntimeError(f"Not everything could be compiled:\n{ran.stdout}{ran.stderr}")


def _run(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(words, capture_output=True, text=True)  # noqa: S603 (an interpreter)
