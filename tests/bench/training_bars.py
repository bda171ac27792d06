"""What encoders must reach on pictures they have not seen, beside what they began from."""

from collections.abc import Iterator
from dataclasses import dataclass

from lookalike.encoder import Encoder
from lookalike.models import SHIPPED
from tests.bench.tables import Goal, Row, Table, at_least, at_most, percent, times
from tests.bench.training_plan import Plan
from training import compare, cost, protocols
from training.measured import Measured
from training.outcome import HISTOGRAM, PREFIX, Outcome, evaluated

OF_TEACHER = 0.95  # of its Recall@1
OF_COST = 0.5  # of MobileNetV2 at 224 pixels
OF_FULL = 0.97  # of the Recall@10 of all dimensions
FINE_TUNED = {"recall@1": 0.75, "map@10": 0.72}
STEP_SHARE = 0.9
EVERYWHERE, CATALOGUE = "grocery test→train", "grocery test→iconic"
SEEN, UNSEEN = f"{EVERYWHERE}, 0–40", f"{EVERYWHERE}, 41–80"
SAID = {"recall@1": "Recall@1", "recall@10": "Recall@10", "map@10": "mAP@10"}


def tables(plan: Plan) -> Iterator[Table]:
    bars = Bars.measured(plan)
    yield default_table(plan, bars)
    yield prefix_table(bars)
    yield fine_tuned_table(plan, bars)
    yield unseen_table(plan, bars)


@dataclass(frozen=True)
class Bars:
    """Every encoder on every protocol; the four names are as in `outcome`."""

    outcome: Outcome
    default: str
    teacher: str
    fine_tuned: str
    unseen: str

    @classmethod
    def measured(cls, plan: Plan) -> "Bars":
        asked = [
            one
            for one in protocols.of_the_data(plan.data, "test")
            if one.name.startswith("grocery")
        ]
        folders = [SHIPPED, plan.teacher, plan.fine_tuned.model, plan.unseen.model]
        outcome = evaluated([Encoder(folder) for folder in folders], asked)
        return cls(outcome, *outcome.names)

    def of(self, protocol: str, encoder: str) -> Measured | None:
        """None where the data has no query for this protocol."""
        rows = self.outcome.rows
        found = (r for r in rows if (r.protocol.name, r.encoder) == (protocol, encoder))
        return next(found, None)

    def first(self, name: str) -> str:
        """The first quarter of the dimensions, as an encoder of its own."""
        return f"{name}, first {self.dimension(name) // PREFIX} dimensions"

    def dimension(self, name: str) -> int:
        return self.outcome.cards[self.outcome.names.index(name)].dimension


def default_table(plan: Plan, bars: Bars) -> Table:
    rows = []
    for protocol in (EVERYWHERE, CATALOGUE):
        ours, theirs = bars.of(protocol, bars.default), bars.of(protocol, bars.teacher)
        floor = bars.of(protocol, HISTOGRAM)
        if ours and theirs and floor:
            least = f"{percent(OF_TEACHER)} of the teacher"
            what = f"{protocol}, Recall@1, against the teacher"
            rows.append(share_row(what, ours, theirs, "recall@1", OF_TEACHER, least))
            rows.append(floor_row(f"{protocol}, Recall@1, against the histogram", ours, floor))
    milliseconds = cost.milliseconds([SHIPPED, plan.teacher])
    ours_ms, theirs_ms = milliseconds.values()
    ratio = ours_ms / theirs_ms
    goal = at_most(ratio, OF_COST, f"{OF_COST:.1f} × MobileNetV2")
    said = f"{ours_ms:.2f} ms", f"{theirs_ms:.2f} ms", f"{ratio:.2f} ×"
    rows.append(Row("one picture on one core, in ONNX Runtime", *said, goal))
    notes = [
        f"Measured: {bars.default}, the encoder that ships. Against: the teacher, MobileNetV2 at "
        "224 pixels with the ImageNet weights, average pooling, 1,280 dimensions; or the RGB "
        "histogram. All in this run, in %.",
        f"The floor is beaten when the {in_words(bars, EVERYWHERE)} queries decide so: 95 % "
        "interval and randomisation test of the paired difference.",
        "Commands: `make default-encoder`, `lookalike evaluate`, `python -m training.cost`.",
    ]
    return Table("The default encoder", rows, notes)


def share_row(
    what: str, ours: Measured, theirs: Measured, metric: str, least: float, goal: str
) -> Row:
    mine, other = mean(ours, metric), mean(theirs, metric)
    share = mine / other if other else float("inf")
    return Row(
        what, number(mine), number(other), f"{100 * share:.1f} %", at_least(share, least, goal)
    )


def floor_row(what: str, ours: Measured, floor: Measured) -> Row:
    mine, other = mean(ours, "recall@1"), mean(floor, "recall@1")
    better = compare.compare(ours, floor, "recall@1").verdict == "better"
    ratio = times(mine / other) if other else ""
    return Row(what, number(mine), number(other), ratio, Goal("> the floor", better))


def prefix_table(bars: Bars) -> Table:
    rows = []
    for name in (bars.default, bars.fine_tuned):
        full, short = bars.of(EVERYWHERE, name), bars.of(EVERYWHERE, bars.first(name))
        if full and short:
            what = f"{bars.first(name)} of {bars.dimension(name)}"
            rows.append(share_row(what, short, full, "recall@10", OF_FULL, percent(OF_FULL)))
    note = f"Recall@10 in %, {EVERYWHERE}. Against: all dimensions of the same encoder."
    return Table("The first dimensions alone", rows, [note])


def fine_tuned_table(plan: Plan, bars: Bars) -> Table:
    rows = []
    ours, theirs = bars.of(EVERYWHERE, bars.fine_tuned), bars.of(EVERYWHERE, bars.teacher)
    for metric, least in FINE_TUNED.items():
        if ours and theirs:
            mine = mean(ours, metric)
            goal = at_least(mine, least, f"{100 * least:.0f}")
            what = f"{EVERYWHERE}, {SAID[metric]}"
            rows.append(Row(what, number(mine), number(mean(theirs, metric)), "", goal))
    share, rate = (plan.fine_tuned.typical(n) for n in ("step_share", "images_per_second"))
    if share is not None and rate is not None:
        goal = at_least(share, STEP_SHARE, percent(STEP_SHARE))
        rows.append(Row("the training step's share of wall time", percent(share), goal=goal))
        rows.append(Row("pictures a second, decoding not among them", f"{rate:.0f}"))
    notes = [
        f"{plan.size} pixels, labels of all classes. Against: the frozen features it began from.",
        "Share and rate: medians of what the training reported of itself; the share is what did "
        "not go into getting pictures ready.",
        f"Command: `{plan.fine_tuned.command}`",
    ]
    return Table("Fine-tuning from the ImageNet weights on labels", rows, notes)


def unseen_table(plan: Plan, bars: Bars) -> Table:
    rows = []
    for protocol, bar in ((UNSEEN, True), (SEEN, False)):
        ours, theirs = bars.of(protocol, bars.unseen), bars.of(protocol, bars.teacher)
        for metric in FINE_TUNED:
            if ours and theirs:
                mine, other = mean(ours, metric), mean(theirs, metric)
                goal = at_least(mine, other, "the frozen features") if bar else None
                what = f"{protocol}, {SAID[metric]}"
                rows.append(Row(what, number(mine), number(other), signed(mine - other), goal))
    notes = [
        "Trained on the pictures and labels of classes 0–40 alone; 41–80 it has never seen. "
        "Against: the frozen features it began from. Each half searches among its own classes.",
        f"Command: `{plan.unseen.command}`",
    ]
    return Table("The same on classes it was not trained on", rows, notes)


def in_words(bars: Bars, protocol: str) -> str:
    row = bars.of(protocol, bars.default)
    return f"{len(row.total):,}" if row else "no"


def mean(measured: Measured, metric: str) -> float:
    return float(measured.scores[metric].mean())


def number(share: float) -> str:
    return f"{100 * share:.1f}"


def signed(difference: float) -> str:
    return f"{100 * difference:+.1f}".replace("-", "−")
