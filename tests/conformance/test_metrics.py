"""The numbers can be asked for, each by the very SQL that is deployed."""

import pytest

from .run import Run

METRICS = ("ctr", "query_ctr", "time_spent", "coverage", "sponsored_share")


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_is_counted(run: Run, metric: str) -> None:
    found = run.get("/v1/metrics", metric=metric, interval="week", group_by="model").good()

    whole = found["rows"][0]
    assert (whole["period"], whole["group"]) == (None, None)
    assert whole["value"] is None or whole["value"] >= 0
    if whole["low"] is not None:
        assert whole["low"] <= whole["value"] <= whole["high"]


def test_places_are_told_apart(run: Run) -> None:
    rows = run.get("/v1/metrics", group_by="position").good()["rows"]

    assert [row["group"] for row in rows[1:]] == sorted((row["group"] for row in rows[1:]), key=int)


def test_a_trial_can_be_asked_for_whether_there_is_one_or_not(run: Run) -> None:
    found = run.get("/v1/metrics", metric="trial").good()

    assert found["trial"] is None or found["trial"]["live"] != found["trial"]["challenger"]


def test_what_cannot_be_counted_is_refused(run: Run) -> None:
    run.get("/v1/metrics", metric="coverage", group_by="position").refuses(422)
