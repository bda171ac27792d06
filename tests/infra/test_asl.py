"""Our interpreter of the Amazon States Language does what the language says, or refuses."""

import pytest

from tests.infra.asl import Execution
from tests.infra.asl_values import Json, StateError, Unknown, Values, put

WORK = "arn:aws:states:::lambda:invoke"


def run(states: Json, given: Json = None, **tasks: object) -> tuple[Json, Execution]:
    """The first state begins."""
    machine = {"StartAt": next(iter(states)), "States": states}
    execution = Execution(machine, {WORK: tasks.get("work", lambda parameters: parameters)})
    return execution.run(given if given is not None else {}), execution


def task(**fields: Json) -> Json:
    return {"Type": "Task", "Resource": WORK, "Parameters": {}, "End": True, **fields}


class Failing:
    """A task that fails so often, and then says how often it was asked."""

    def __init__(self, *errors: str) -> None:
        self.errors = [*errors]
        self.asked = 0

    def __call__(self, parameters: Json) -> Json:
        self.asked += 1
        if self.errors:
            raise StateError(self.errors.pop(0))
        return {"asked": self.asked}


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ("States.Format('{} of {}', $.n, 'it''s')", None),
        ("States.Format('{} of \\{\\}', $.n)", "3 of {}"),
        ("States.Format('isn\\'t {}', $.flag)", "isn't true"),
        ("States.MathAdd($.n, -1)", 2),
        ("States.Array($.n, 'a', null)", [3, "a", None]),
        ("States.JsonMerge($.one, $.two, false)", {"a": 2, "b": 1}),
        ("States.Format('<{}>', States.JsonToString($.one))", '<{"a":1,"b":1}>'),
        ("States.UUID()", None),
        ("States.Format('a\\nb')", None),
    ],
)
def test_functions_answer_as_on_aws_or_are_refused(function: str, value: Json) -> None:
    values = Values({"n": 3, "flag": True, "one": {"a": 1, "b": 1}, "two": {"a": 2}}, {})

    if value is None:
        with pytest.raises(Unknown):
            values.evaluated(function)
    else:
        assert values.evaluated(function) == value


@pytest.mark.parametrize(
    "function",
    [
        "States.Format('{} {}', $.n)",
        "States.Format('{}', $.one)",
        "States.JsonMerge($.one, $.n, false)",
        "States.JsonMerge($.one, $.one, true)",
    ],
)
def test_functions_fail_as_on_aws(function: str) -> None:
    with pytest.raises(StateError, match=r"States\.IntrinsicFailure"):
        Values({"n": 3, "one": {}}, {}).evaluated(function)


def test_a_path_to_nothing_ends_the_execution() -> None:
    """Nothing catches it."""
    catchers = [{"ErrorEquals": ["States.ALL"], "Next": "End"}]
    states = {
        "First": task(Parameters={"a.$": "$.b"}, Catch=catchers),
        "End": {"Type": "Succeed"},
    }

    with pytest.raises(StateError, match=r"States\.Runtime"):
        run(states)


def test_a_result_is_put_beside_the_input() -> None:
    assert put({"a": 1}, "$.b.c", 2) == {"a": 1, "b": {"c": 2}}
    assert put({"a": 1}, None, 2) == {"a": 1}
    assert put({"a": 1}, "$", 2) == 2


def test_each_retrier_counts_for_itself() -> None:
    work = Failing("A", "B", "A")
    retries = [
        {"ErrorEquals": ["A"], "MaxAttempts": 2, "IntervalSeconds": 3, "BackoffRate": 2},
        {"ErrorEquals": ["States.ALL"], "MaxAttempts": 1, "IntervalSeconds": 10},
    ]

    output, execution = run({"Only": task(Retry=retries)}, work=work)

    assert output == {"asked": 4}
    assert execution.waited == [3, 10, 6]


def test_what_is_not_to_be_retried_is_caught_by_the_first_that_names_it() -> None:
    work = Failing("Mine", "Mine")
    retries = [{"ErrorEquals": ["Mine"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}]
    catchers = [
        {"ErrorEquals": ["Other"], "Next": "Wrong"},
        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Right"},
    ]
    ends = {"Wrong": {"Type": "Succeed"}, "Right": {"Type": "Succeed"}}

    output, execution = run(
        {"First": task(Retry=retries, Catch=catchers), **ends}, {"a": 1}, work=work
    )

    assert output == {"a": 1, "failure": {"Error": "Mine", "Cause": ""}}
    assert execution.steps == [("First", "Right"), ("Right", None)]
    assert work.asked == 1


def mapped(tolerated: int, **fields: Json) -> Json:
    return {
        "Type": "Map",
        "Label": "Each",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "One",
            "States": {"One": task(Parameters={"given.$": "$"})},
        },
        "ItemsPath": "$.items",
        "ItemBatcher": {"MaxItemsPerBatch": 2, "BatchInput": {"x": 1}},
        "ToleratedFailurePercentage": tolerated,
        "End": True,
        **fields,
    }


def test_a_map_hands_out_batches() -> None:
    output, _ = run({"Map": mapped(0)}, {"items": [1, 2, 3]})

    assert [one["given"] for one in output] == [
        {"Items": [1, 2], "BatchInput": {"x": 1}},
        {"Items": [3], "BatchInput": {"x": 1}},
    ]


def test_a_map_tolerates_what_it_says_and_no_more() -> None:
    given = {"items": [1, 2, 3, 4]}

    run({"Map": mapped(50)}, given, work=Failing("A"))
    with pytest.raises(StateError, match=r"States\.ExceedToleratedFailureThreshold"):
        run({"Map": mapped(49)}, given, work=Failing("A"))


def test_many_outputs_without_a_writer_are_too_large() -> None:
    def work(parameters: Json) -> Json:
        return {"said": "x" * 200_000}

    with pytest.raises(StateError, match=r"States\.DataLimitExceeded"):
        run({"Map": mapped(0)}, {"items": [1, 2, 3]}, work=work)


@pytest.mark.parametrize(
    "states",
    [
        {"A": {"Type": "Parallel", "Branches": []}},
        {"A": task(HeartbeatSeconds=3)},
        {"A": task(Resource="arn:aws:states:::sqs:sendMessage")},
        {"A": task(Next="B")},
        {
            "A": {
                "Type": "Choice",
                "Choices": [{"Variable": "$", "StringMatches": "*", "Next": "A"}],
            }
        },
        {"A": {"Type": "Pass", "Parameters": {"a.$": "$..b"}, "End": True}},
    ],
)
def test_what_it_does_not_know_it_refuses(states: Json) -> None:
    with pytest.raises((Unknown, KeyError)):
        run(states)
