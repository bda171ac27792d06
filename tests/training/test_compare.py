"""Two encoders on the same queries, at angles that can be seen; and where one is weak."""

from pathlib import Path

import numpy as np
import pytest

from training import compare, slices
from training.measured import Measured, measure
from training.pictures import Labelled
from training.protocols import Protocol

KINDS = 30


def files(kinds: int = KINDS) -> list[Labelled]:
    """Two pictures of each kind."""
    return [Labelled(Path(f"{kind}-{i}"), f"{kind:02}") for kind in range(kinds) for i in (0, 1)]


def seen(protocol: Protocol, encoder: str, confused: int = 0) -> Measured:
    """Kinds lie apart on a circle; of the first `confused` kinds, the second picture lies with the
    next kind."""
    step = 360 / KINDS
    vectors = {}
    for i, file in enumerate(protocol.gallery):
        kind, second = divmod(i, 2)
        degrees = kind * step + second * (step - 1 if kind < confused else 1)
        turn = np.radians(degrees)
        vectors[file.path] = np.array([np.cos(turn), np.sin(turn)], np.float32)
    return measure(protocol, encoder, vectors)


@pytest.fixture
def protocol() -> Protocol:
    some = files()
    return Protocol("p", some, some)


def test_a_difference_that_many_queries_share_is_better_one_way_and_worse_the_other(
    protocol: Protocol,
) -> None:
    good, bad = seen(protocol, "good"), seen(protocol, "bad", confused=12)

    better = compare.compare(good, bad, "recall@1")
    worse = compare.compare(bad, good, "recall@1")

    assert (better.verdict, worse.verdict) == ("better", "worse")
    assert better.difference == pytest.approx(-worse.difference)
    assert better.interval[0] <= better.difference <= better.interval[1]
    assert better.p < 0.01


def test_a_difference_of_one_query_in_many_is_undecided(protocol: Protocol) -> None:
    found = compare.compare(seen(protocol, "a"), seen(protocol, "b", confused=1), "recall@1")

    assert found.difference > 0
    assert found.verdict == "undecided"


def test_one_encoder_does_not_differ_from_itself(protocol: Protocol) -> None:
    found = compare.compare(seen(protocol, "a"), seen(protocol, "a"), "map@10")

    assert (found.difference, found.interval, found.p) == (0, (0, 0), 1)
    assert found.verdict == "undecided"
    assert len(found.changed) == 0


def test_the_most_changed_queries_come_first_and_unchanged_ones_never(protocol: Protocol) -> None:
    good, bad = seen(protocol, "good"), seen(protocol, "bad", confused=3)

    found = compare.compare(good, bad, "map@10")

    sizes = np.abs(found.changes[found.changed])
    assert (np.diff(sizes) <= 0).all()
    assert (sizes > 0).all()
    assert set(found.changed.tolist()) == set(np.flatnonzero(found.changes).tolist())


def test_encoders_that_were_asked_different_queries_are_never_paired(protocol: Protocol) -> None:
    other = files()[:-2]

    with pytest.raises(ValueError, match="different queries"):
        compare.compare(seen(protocol, "a"), seen(Protocol("p", other, other), "b"), "recall@1")


def test_every_protocol_both_were_measured_on_has_one_comparison_for_each_metric(
    protocol: Protocol,
) -> None:
    rows = [seen(protocol, "a"), seen(protocol, "b", 5), seen(Protocol("q", files(), files()), "a")]

    found = compare.compared(rows, "a", "b")

    assert [(one.protocol.name, one.metric) for one in found] == [
        ("p", "recall@1"),
        ("p", "recall@10"),
        ("p", "map@10"),
    ]


def test_the_worst_class_is_the_confused_one_and_every_query_is_in_one_class(
    protocol: Protocol,
) -> None:
    found = slices.by_class(seen(protocol, "m", confused=2))

    assert found[0].name in {"00", "01", "02"}
    assert found[0].mean("map@10") < found[-1].mean("map@10") == 1
    assert sorted(np.concatenate([one.rows for one in found])) == list(range(2 * KINDS))
    assert len(slices.edges(found)) == 20


def test_sizes_fall_into_thirds(protocol: Protocol) -> None:
    sizes = {file.path: 100 * (i + 1) for i, file in enumerate(protocol.queries)}

    found = slices.by_size(seen(protocol, "m"), sizes)

    assert [len(one.rows) for one in found] == [20, 20, 20]
    assert found[0].name == "small, 100–2,000 pixels"
    assert found[2].name == "large, 4,100–6,000 pixels"


def test_pictures_of_one_size_are_one_slice(protocol: Protocol) -> None:
    found = slices.by_size(
        seen(protocol, "m"), dict.fromkeys((file.path for file in protocol.queries), 640 * 480)
    )

    assert [len(one.rows) for one in found] == [2 * KINDS]
