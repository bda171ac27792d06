"""What a challenger must prove before it may serve: named checks, each with its margin and reason.

A challenger proves that it is no worse, and does not merely escape proof that it is: where too
little was measured to tell, it is refused. Only slices are the other way about, since nobody can
prove twenty things with the clicks of a week. docs/decisions/0010-the-gate.md says why so.
"""

from collections.abc import Callable, Mapping

from training.gate import file_checks
from training.gate.measurements import Check, Measurements, Slice, points, told, unmeasured
from training.gate.paired import Difference, rejected

LEAST_PAIRS = 100  # held-out clicks of which both pictures are there
LEAST_EFFECTIVE = 50.0  # clicks of equal weight that would say as much
LEAST_ASKERS = 20  # sessions or, where none are named, anchors: fewer cannot be drawn anew
LEAST_GOLD = 50
SURELY = 0.01  # chance at which a loss within the margin is a loss all the same
CLICK_MARGIN = 0.03  # of the mean hit rate: what a challenger may lose at most, with 95 %
GOLD_MARGIN = 0.05  # of the gold set's score, likewise
SLICE_LEVEL = 0.05  # chance that any slice of a challenger as good as live is called worse
NAMED = 3  # slices in the sentence; all are in the figures
SLICE_DROP = 0.01  # a slice that loses less is not worse in any way that a person could see
LEAST_SPREAD = 1 / 4  # of live's effective rank
MOST_ALIKE = 0.9  # mean cosine of two pictures of the catalogue
HIDDEN = 0.05  # more of the clicked pictures than under live that its thresholds may hide


def every(found: Measurements) -> list[Check]:
    """All of them, in the order they are told; none is left out because another refused."""
    return [check(found) for check in CHECKS]


def spread(found: Measurements) -> Check:
    name = "spread"
    if found.spread is None:
        return unmeasured(name)
    ours, live = found.spread
    said = (
        f"its vectors spread over {ours.rank:.1f} directions (live {live.rank:.1f}), and two "
        f"pictures have a mean cosine of {ours.alike:.2f} (live {live.alike:.2f})"
    )
    return told(name, ours.rank >= LEAST_SPREAD * live.rank and ours.alike <= MOST_ALIKE, said)


def evidence(found: Measurements) -> Check:
    name, one = "evidence", found.clicks
    if one is None:
        return unmeasured(name)
    said = (
        f"{one.pairs} held-out clicks of {one.askers} askers can be asked about and weigh as much "
        f"as {one.effective:.0f} equal ones"
    )
    if one.gone:
        said += f"; {one.gone} have lost a picture"
    enough = (
        one.pairs >= LEAST_PAIRS and one.effective >= LEAST_EFFECTIVE and one.askers >= LEAST_ASKERS
    )
    if enough:
        return told(name, True, said)
    needed = f"{LEAST_PAIRS} clicks, {LEAST_EFFECTIVE:.0f} effective, {LEAST_ASKERS} askers"
    return told(name, False, f"not enough evidence: {said}; needed are {needed}")


def on_clicks(found: Measurements) -> Check:
    """Within the margin, and not worse for sure either: small losses would add up over weeks."""
    what, one = "mean hit rate @1 to @10 on held-out clicks", found.on_clicks
    check = _no_worse("clicks", what, one, CLICK_MARGIN)
    if one is not None and check.outcome == "passed" and one.p_worse < SURELY:
        return told("clicks", False, f"{check.said}: it is worse, if by little")
    return check


def on_gold(found: Measurements) -> Check:
    name, one = "gold", found.on_gold
    if one is not None and one.questions < LEAST_GOLD:
        said = f"not enough evidence: {one.questions} questions, needed are {LEAST_GOLD}"
        return told(name, False, said)
    return _no_worse(name, f"{found.gold_metric} on the gold set", one, GOLD_MARGIN)


def slices(found: Measurements) -> Check:
    name, some = "slices", found.slices
    if found.on_clicks is None:
        return unmeasured(name)
    fallen = worse(some)
    if not fallen:
        return told(name, True, f"none of {len(some)} slices is significantly worse")
    named = [
        f"{one.exam}, {one.name} ({points(one.found.value)}, n = {one.found.questions})"
        for one in fallen[:NAMED]
    ]
    more = f"; and {len(fallen) - NAMED} more" if len(fallen) > NAMED else ""
    said = f"worse on {len(fallen)} of {len(some)} slices: {'; '.join(named)}{more}"
    return told(name, False, said)


def worse(some: tuple[Slice, ...]) -> list[Slice]:
    """By Holm over all of them, and by more than SLICE_DROP; the worst first."""
    fallen = rejected([one.found.p_worse for one in some], SLICE_LEVEL)
    kept = [
        one
        for one, fell in zip(some, fallen, strict=True)
        if fell and one.found.value < -SLICE_DROP
    ]
    return sorted(kept, key=lambda one: one.found.value)


def thresholds(found: Measurements) -> Check:
    """Thresholds that hide what people click make a good encoder useless."""
    name, one = "thresholds", found.hidden
    if one is None:
        return unmeasured(name)
    said = (
        f"they would hide {one.challenger:.1%} of clicks whose picture is among the first "
        f"ten, live's {one.live:.1%}"
    )
    return told(name, one.challenger <= one.live + HIDDEN, said)


CHECKS: tuple[Callable[[Measurements], Check], ...] = (
    file_checks.file,
    file_checks.another,
    file_checks.preprocessing,
    file_checks.vectors,
    file_checks.parity,
    spread,
    evidence,
    on_clicks,
    on_gold,
    slices,
    file_checks.latency,
    file_checks.size,
    thresholds,
)


def accepted(some: list[Check]) -> bool:
    """Only what was measured can have passed."""
    return all(check.outcome == "passed" for check in some)


def reason(some: list[Check]) -> str:
    """One sentence: every check that refused, or what was gained."""
    refused = [f"{check.name}: {check.said}" for check in some if check.outcome == "refused"]
    if refused:
        return f"{'; '.join(refused)}."
    said: Mapping[str, str] = {check.name: check.said for check in some}
    return f"{said['clicks']}; {said['gold']}; all {len(some)} checks passed."


def _no_worse(name: str, what: str, one: Difference | None, margin: float) -> Check:
    if one is None:
        return unmeasured(name)
    said = (
        f"{what} goes from {100 * one.live:.1f} to {100 * one.challenger:.1f} "
        f"({points(one.low)} to {points(one.high)})"
    )
    if one.least > -margin:
        return told(name, True, said)
    lost = f"it may lose as much as {-100 * one.least:.1f} points"
    return told(name, False, f"{said}: {lost}, and no more than {100 * margin:.0f} is allowed")
