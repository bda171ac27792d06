"""`lookalike metrics`: what people did with the answers, as a table or as JSON."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

from local import client
from local.asking import call
from local.console import as_json, say, tell
from local.data_folder import DataFolder
from local.opening import functions_of, named_or_last, taken_or_locked
from local.trouble import USAGE, Trouble

Body = dict[str, Any]
Row = dict[str, Any]

NAMES = {
    "ctr": "CTR",
    "query_ctr": "query CTR",
    "time_spent": "time spent",
    "coverage": "coverage",
    "sponsored_share": "sponsored share",
    "trial": "trial",
}
COUNTED = {
    "ctr": "clicked of seen",
    "query_ctr": "answers clicked of seen",
    "time_spent": "in all",
    "coverage": "images seen of all",
    "sponsored_share": "sponsored of seen",
    "trial": "clicked of seen",
}
UNKNOWN = "–"


def metrics(asked: argparse.Namespace) -> int:
    """One metric by its periods, or all of them over the whole window."""
    if asked.by and not asked.metric:
        asked.metric = "ctr"
    data = named_or_last(asked.data)
    bodies = _measured(data, [_question(asked, name) for name in _wanted(asked)])
    if asked.json:
        found = bodies[0] if asked.metric else bodies
        print(as_json(found))
    elif asked.metric:
        _print_one(bodies[0])
    else:
        _print_all(bodies)
    sys.stdout.flush()
    return 0


def _wanted(asked: argparse.Namespace) -> list[str]:
    if asked.metric:
        return [asked.metric]
    return [name for name in NAMES if name != "trial" or not asked.since]


def _question(asked: argparse.Namespace, metric: str) -> dict[str, str]:
    said = {
        "metric": metric,
        "interval": asked.interval,
        "group_by": asked.by,
        "since": asked.since,
    }
    return {name: value for name, value in said.items() if value}


def _measured(data: DataFolder, questions: Sequence[dict[str, str]]) -> list[Body]:
    other = taken_or_locked(data)
    if other is not None:
        return [client.get(f"{other.url}v1/metrics?{urlencode(one)}") for one in questions]
    return _measured_here(data, questions)


def _measured_here(data: DataFolder, questions: Sequence[dict[str, str]]) -> list[Body]:
    """Through the real function, as API Gateway would call it."""
    with functions_of(data):
        from local import laptop
        from lookalike import wiring

        laptop.prepare()
        try:
            return [call("GET", "/v1/metrics", one) for one in questions]
        finally:
            wiring.index().close()


def _print_all(bodies: Sequence[Body]) -> None:
    """A line for each metric, and the trial if there is one."""
    counted = [body for body in bodies if body["metric"] != "trial"]
    rows = [[NAMES[body["metric"]], *_cells(body["rows"][0], body)] for body in counted]
    print(f"Since {counted[0]['since']}, UTC. In brackets: 95 %, clustered by session.\n")
    _print_table(["metric", "value", "", "counted", "sessions"], rows)
    for body in bodies:
        if body["trial"]:
            print()
            _print_trial(body["trial"])
    if all(body["rows"][0]["value"] is None for body in counted):
        tell("Nobody has seen an answer yet: lookalike up DIR shows the page.")


def _print_one(body: Body) -> None:
    if body["metric"] == "trial":
        if not body["trial"]:
            raise Trouble(
                "No trial answers anybody; begin one with: lookalike trial VERSION", USAGE
            )
        _print_trial(body["trial"])
        return
    words = [word for word in (body["interval"], body["group_by"]) if word]
    told = f" by {' and '.join(words)}" if words else ""
    print(f"{NAMES[body['metric']]}{told}, since {body['since']}, UTC.")
    print("In brackets: 95 %, clustered by session.\n")
    names = ["period"] * bool(body["interval"]) + [body["group_by"]] * bool(body["group_by"])
    rows = []
    for row in body["rows"]:
        keys = [row["period"] or "all"] * bool(body["interval"])
        keys += [row["group"] or "all"] * bool(body["group_by"])
        rows.append([*keys, *_cells(row, body)])
    _print_table([*names, "value", "", COUNTED[body["metric"]], "sessions"], rows)


def _print_trial(trial: Body) -> None:
    say(
        f"Trial since {trial['since']}: {100 * trial['share']:g} % of the sessions for "
        f"{trial['challenger']}, the others for {trial['live']}."
    )
    print()
    rows = []
    for side in ("live", "challenger"):
        ctr = trial["ctr"][side]
        counts = str(trial["sessions"][side])
        rows.append([trial[side], side, _share(ctr["value"]), _between(ctr, "share"), counts])
    apart = trial["ctr"]["difference"]
    rows.append(["", "difference", _share(apart["value"], "+"), _between(apart, "share", "+"), ""])
    _print_table(["model", "", "CTR", "", "sessions"], rows)
    print()
    say(_verdict(trial))


def _verdict(trial: Body) -> str:
    odds = trial["p_value"]
    if odds is None:
        return "Nobody has seen an answer of the trial yet."
    if not trial["balanced"]:
        return (
            f"The sessions do not part as they should (p = {odds:.2g}): something sends or counts "
            "the sides otherwise. Do not go by these numbers."
        )
    return f"The sessions part as they should (p = {odds:.2f})."


def _cells(row: Row, body: Body) -> list[str]:
    """value, its interval, what was counted, sessions"""
    unit = body["unit"]
    value = _seconds(row["value"]) if unit == "ms" else _share(row["value"])
    counted = _seconds(row["events"]) if unit == "ms" else f"{row['events']:,} of {row['of']:,}"
    return [value, _between(row, unit), counted, f"{row['sessions']:,}"]


def _between(estimate: Body, unit: str, sign: str = "") -> str:
    if estimate["low"] is None or estimate["high"] is None:
        return ""
    show = _seconds if unit == "ms" else lambda one: _share(one, sign)
    low, high = show(estimate["low"]), show(estimate["high"])
    return f"({low.removesuffix(' %').removesuffix(' s')} to {high})"


def _share(value: float | None, sign: str = "") -> str:
    return UNKNOWN if value is None else f"{100 * value:{sign}.1f} %"


def _seconds(ms: float | None) -> str:
    return UNKNOWN if ms is None else f"{ms / 1000:,.1f} s"


def _print_table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Words to the left, numbers to the right."""
    for line in _lines(names, rows):
        say(line.rstrip())


def _lines(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    words = names.index("value") if "value" in names else 2
    for row in (names, ["─" * width for width in widths], *rows):
        yield "  ".join(
            cell.ljust(width) if place < words else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
