"""What tellings of the story came to, as a table and a picture: docs/learning.md.

python -m local.story.figure FILE... --svg docs/learning.svg
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from local.shoppers.takings import Share
from local.story.command import summed_up

Facts = dict[str, Any]

WIDTH, ROW, TOP = 880, 34, 128
RATES, TASTES = (118, 500), (648, 848)  # from where to where the two panels reach
TASTE_NAMES = {"live": "as shipped", "counted": "clicks counted", "debiased": "debiased"}
STYLE = """
  text { font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2a37; }
  .title { font-size: 17px; font-weight: 600; } .quiet { fill: #6b7280; font-size: 12.5px; }
  .mean { font-weight: 600; } .end { text-anchor: end; } .middle { text-anchor: middle; }
  .page { fill: #ffffff; } .grid { stroke: #e5e7eb; } .live { fill: #8a94a3; stroke: #8a94a3; }
  .counted { fill: #d08c2e; stroke: #d08c2e; } .debiased { fill: #0f766e; stroke: #0f766e; }
  .span { stroke-width: 3; stroke-linecap: round; opacity: .45; } .band { fill: #f3f6f8; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .quiet { fill: #9aa7b4; } .page { fill: #0d1117; }
    .grid { stroke: #27303a; } .band { fill: #161d26; } .live { fill: #8b98a8; stroke: #8b98a8; }
    .counted { fill: #e3a94f; stroke: #e3a94f; } .debiased { fill: #3fbfae; stroke: #3fbfae; }
  }
"""


def picture(found: Facts) -> str:
    """An SVG that needs nothing else, for light and dark pages."""
    tellings = [one for one in found["tellings"] if "trial" in one]
    rows = [
        *((f"seed {one['seed']}", _rates(one["trial"]), one["taste"]) for one in tellings),
        (
            "all",
            {n: Share(**one) for n, one in found["all"]["trial"].items()},
            found["all"]["taste"],
        ),
    ]
    height = TOP + ROW * len(rows) + 42
    rates = Scale(
        RATES, [v for _, rate, _ in rows for n in ("live", "challenger") for v in rate[n]]
    )
    tastes = Scale(TASTES, [t[n]["mean_precision"] for _, _, t in rows for n in TASTE_NAMES])
    foot = TOP + ROW * len(rows) + 4
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{_said(found)}">',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{height}" rx="10"/>',
        *_heads(),
        *rates.drawn(foot),
        *tastes.drawn(foot),
    ]
    for number, (name, rate, taste) in enumerate(rows):
        y = TOP + ROW * number + ROW // 2
        drawn += _row(name, rate, taste, y, (rates, tastes))
    return "\n".join([*drawn, "</svg>"]) + "\n"


class Scale:
    """Shares along a panel, with a line for every round percentage."""

    def __init__(self, reach: tuple[int, int], values: Sequence[float]) -> None:
        self.reach = reach
        spread = 100 * (max(values) - min(values))
        self.step = next((step for step in (1, 2, 5, 10) if spread / step <= 4), 20)
        self.low = int(100 * min(values) // self.step) * self.step
        self.high = -int(-100 * max(values) // self.step) * self.step

    def __call__(self, share: float) -> float:
        first, last = self.reach
        return round(first + (100 * share - self.low) / (self.high - self.low) * (last - first), 1)

    def drawn(self, foot: int) -> Iterator[str]:
        for percent in range(self.low, self.high + 1, self.step):
            x = self(percent / 100)
            yield f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP - 8}" y2="{foot}"/>'
            yield f'<text class="quiet middle" x="{x}" y="{foot + 20}">{percent} %</text>'


def _heads() -> Iterator[str]:
    first, second = RATES[0] - 90, TASTES[0]
    yield f'<text class="title" x="{first}" y="36">Clicks per picture seen, on trial</text>'
    yield f'<text class="quiet" x="{first}" y="57">half of the sessions each; 95 % intervals</text>'
    yield '<text class="quiet end" x="626" y="88">difference, points</text>'
    yield f'<text class="title" x="{second}" y="36">The hidden taste</text>'
    yield f'<text class="quiet" x="{second}" y="57">mAP, asking about every picture</text>'
    yield from _legend(first, {"live": "as shipped", "debiased": "learnt from clicks"})
    yield from _legend(second, {"live": "", "counted": "counted", "debiased": "debiased"})


def _legend(x: float, names: dict[str, str]) -> Iterator[str]:
    for name, words in names.items():
        if words:
            yield f'<circle class="{name}" cx="{x + 6}" cy="84" r="5"/>'
            yield f'<text class="quiet" x="{x + 17}" y="88">{words}</text>'
            x += 36 + 7 * len(words)


def _row(
    name: str, rate: dict[str, Share], taste: Facts, y: int, scales: tuple[Scale, Scale]
) -> Iterator[str]:
    rates, tastes = scales
    style = "mean" if name == "all" else ""
    if style:
        yield f'<rect class="band" x="16" y="{y - 16}" width="{WIDTH - 32}" height="32" rx="6"/>'
    yield f'<text class="{style}" x="28" y="{y + 5}">{name}</text>'
    for who, colour, up in (("live", "live", -5), ("challenger", "debiased", 5)):
        one, at = rate[who], y + up
        ends = f'x1="{rates(one.low)}" x2="{rates(one.high)}" y1="{at}" y2="{at}"'
        yield f'<line class="{colour} span" {ends}/>'
        yield f'<circle class="{colour}" cx="{rates(one.value)}" cy="{at}" r="5"/>'
    gained = rate["difference"]
    words = f"{100 * gained.value:+.1f} ({100 * gained.low:+.1f} to {100 * gained.high:+.1f})"
    yield f'<text class="{style} end" x="626" y="{y + 5}">{words}</text>'
    for who in TASTE_NAMES:
        x = tastes(taste[who]["mean_precision"])
        yield f'<circle class="{who}" cx="{x}" cy="{y}" r="5"/>'


def table(found: Facts) -> str:
    """Markdown: a row for each seed, and one for all."""
    lines = [
        "| seed | before | on trial: as shipped | on trial: learnt | difference, points | gate | "
        "mAP: as shipped, counted, debiased | first ten wanted |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in found["tellings"]:
        rates = _rates(one["trial"]) if "trial" in one else {}
        lines.append(_line(str(one["seed"]), Share(**one["before"]["ctr"]), rates, one))
    rates = {name: Share(**one) for name, one in found["all"]["trial"].items()}
    lines.append(_line("all", None, rates, found["all"]))
    return "\n".join(lines)


def _line(name: str, before: Share | None, rates: dict[str, Share], one: Facts) -> str:
    shown = [rates[who].percent if rates else "" for who in ("live", "challenger")]
    gained = rates["difference"].points.replace(" points", "") if rates else ""
    gate = {True: "accepted", False: "refused"}.get(one.get("accepted"), "")  # type: ignore[arg-type]
    tastes = [
        ", ".join(f"{100 * one['taste'][who][figure]:.1f}" for who in TASTE_NAMES)
        for figure in ("mean_precision", "first")
    ]
    first = before.percent if before else ""
    return "| " + " | ".join([name, first, *shown, gained, gate, *tastes]) + " |"


def _rates(trial: Facts) -> dict[str, Share]:
    return {
        "live": Share(**trial["live"]["ctr"]),
        "challenger": Share(**trial["challenger"]["ctr"]),
        "difference": Share(**trial["difference"]),
    }


def _said(found: Facts) -> str:
    every = {name: Share(**one) for name, one in found["all"]["trial"].items()}
    return (
        f"Click rate on trial: {every['live'].percent} as shipped, {every['challenger'].percent} "
        f"after learning from clicks, {every['difference'].points}."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m local.story.figure", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="what local.story --json wrote")
    parser.add_argument("--svg", type=Path, metavar="FILE")
    asked = parser.parse_args(arguments)
    tellings = [one for file in asked.files for one in json.loads(file.read_text())["tellings"]]
    found = summed_up(tellings)
    if asked.svg is not None:
        asked.svg.write_text(picture(found), encoding="utf-8")
    print(table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
