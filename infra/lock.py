"""python -m infra.lock: pin what pyproject.toml asks for, with the hash of every wheel that fits.

One version of each package for every Python we run on; the wheels of Lambda and of Linux machines
that build and test.
"""

import json
import tempfile
import tomllib
from collections import defaultdict
from pathlib import Path

from infra.packages import LOCK, LOCKED, Target, pip

PYPROJECT = LOCK.parent.parent.parent / "pyproject.toml"
HEADER = """\
# Made by `python -m infra.lock` from the dependencies in pyproject.toml; not by hand.
# Hashes are those of the wheels for Lambda ({first}) and for Linux with Python {pythons}.
"""

Versions = dict[str, str]
Hashes = dict[str, set[str]]


def main() -> None:
    wanted = tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]
    versions: Versions = {}
    hashes: Hashes = defaultdict(set)
    for target in LOCKED:  # the oldest Python first: what it can run, newer ones can too
        print(f"Python {target.python}, {target.platform} …")
        for name, version, sha256 in resolve(wanted, versions, target):
            versions[name] = version
            hashes[name].add(sha256)
    LOCK.write_text(written(versions, hashes))
    print(f"{len(versions)} packages in {LOCK.relative_to(PYPROJECT.parent)}")


def resolve(wanted: list[str], pinned: Versions, target: Target) -> list[tuple[str, str, str]]:
    """(name, version, sha256 of the wheel) that pip would install, had it a free hand elsewhere."""
    with tempfile.TemporaryDirectory() as scratch:
        constraints, report = Path(scratch) / "constraints.txt", Path(scratch) / "report.json"
        constraints.write_text("".join(f"{name}=={pinned[name]}\n" for name in pinned))
        flags = [*target.flags, f"--target={scratch}/none", f"--constraint={constraints}"]
        pip("install", "--dry-run", "--report", report, *flags, *wanted)
        found = json.loads(report.read_text())["install"]
    return [
        (
            one["metadata"]["name"].lower().replace("_", "-"),
            one["metadata"]["version"],
            one["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for one in found
    ]


def written(versions: Versions, hashes: Hashes) -> str:
    pythons = ", ".join(sorted({target.python for target in LOCKED}))
    lines = [HEADER.format(first="Python 3.13, arm64", pythons=pythons)]
    for name in sorted(versions):
        each = "".join(f" \\\n    --hash=sha256:{one}" for one in sorted(hashes[name]))
        lines.append(f"{name}=={versions[name]}{each}\n")
    return "".join(lines)


if __name__ == "__main__":
    main()
