"""The data set on disk: pairs to learn from, pairs held out, and a description that seals both."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from lookalike.errors import CallerError

LEARNT, HELD_OUT, DESCRIPTION = "clicks.jsonl", "held_out.jsonl", "dataset.json"
AT_ONCE = 10_000  # lines between two looks at the database
SEAL = "sha256"

# Weights are relative; with a mean of 1 they mix with those of other sources.
LINES = """
with scaled as (
    select *, weight * count(*) over () / sum(round(weight * 1e9)::bigint) over () * 1e9 as scaled
    from line where side = $side
),
passed as (
    select over.anchor, over.image, list(key order by place) as keys
    from over join catalogue on catalogue.image = over.over
    where side = $side group by over.anchor, over.image
)
select a.key, c.key, round(scaled, 6), coalesce(passed.keys, [])
from scaled
join catalogue a on a.image = scaled.anchor
join catalogue c on c.image = scaled.image
left join passed on passed.anchor = scaled.anchor and passed.image = scaled.image
order by a.key, c.key
"""


class BrokenSeal(CallerError):
    """The files are not those that their description speaks of."""


def write(engine: duckdb.DuckDBPyConnection, folder: Path, told: dict[str, Any]) -> dict[str, Any]:
    """Write everything, the description last: until it is there, nothing fits it."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, side in ((LEARNT, "learnt"), (HELD_OUT, "held_out")):
        files[name] = _write_lines(folder / name, _lines(engine, side))
    told = {**told, "files": files}
    told[SEAL] = _seal(told)
    _replace(folder / DESCRIPTION, (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode())
    return told


def described(folder: Path) -> dict[str, Any]:
    """What `dataset.json` says, once it is sure that it speaks of these very files.

    Raises BrokenSeal.
    """
    try:
        told: dict[str, Any] = json.loads((folder / DESCRIPTION).read_bytes())
        seals = {folder / name: said[SEAL] for name, said in told["files"].items()}
        wrong = [path.name for path, said in seals.items() if _sha256(path) != said]
        if told[SEAL] != _seal(told):
            wrong.append(DESCRIPTION)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BrokenSeal(f"{folder} is no data set of clicks ({error}).") from error
    if wrong:
        raise BrokenSeal(f"{folder}: {' and '.join(wrong)} changed since training.clicks wrote it.")
    return told


def _lines(engine: duckdb.DuckDBPyConnection, side: str) -> Iterator[bytes]:
    rows = engine.execute(LINES, {"side": side})
    while some := rows.fetchmany(AT_ONCE):
        for anchor, clicked, weight, over in some:
            line = {"anchor": anchor, "clicked": clicked, "weight": weight, "passed_over": over}
            yield json.dumps(line).encode() + b"\n"  # ASCII: no name has a line's end in it


def _write_lines(path: Path, lines: Iterator[bytes]) -> dict[str, Any]:
    digest, count = hashlib.sha256(), 0
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        for line in lines:
            file.write(line)
            digest.update(line)
            count += 1
    part.replace(path)
    return {"pairs": count, SEAL: digest.hexdigest()}


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    part.replace(path)


def _seal(told: dict[str, Any]) -> str:
    plain = {name: value for name, value in told.items() if name != SEAL}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
