"""A small interpreter of the Amazon States Language, for the machines that we write.

It follows https://states-language.net and refuses what it does not know, so that a test cannot
pass on a misunderstanding. Waiting takes no time.
"""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field

from tests.infra.asl_values import Json, StateError, Unknown, Values, put

LARGEST = 262_144  # bytes of a state's input or output, and of a child execution's
IN_OUT = {"Comment", "Type", "Next", "End", "InputPath", "OutputPath"}
CATCHING = {"Retry", "Catch", "ResultPath", "ResultSelector"}
FIELDS = {
    "Pass": IN_OUT | {"Parameters", "Result", "ResultPath"},
    "Task": IN_OUT | CATCHING | {"Resource", "Parameters", "TimeoutSeconds"},
    "Choice": {"Comment", "Type", "Choices", "Default"},
    "Wait": IN_OUT | {"Seconds"},
    "Succeed": {"Comment", "Type"},
    "Fail": {"Comment", "Type", "ErrorPath", "CausePath"},
    "Map": IN_OUT
    | CATCHING
    | {"Label", "ItemReader", "ItemsPath", "ItemSelector", "ItemBatcher", "MaxConcurrency"}
    | {"ItemProcessor", "ResultWriter", "ToleratedFailurePercentage"},
}
MACHINE = {"Comment", "QueryLanguage", "TimeoutSeconds", "StartAt", "States", "ProcessorConfig"}
RETRY = {"ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds"}
NOBODY_CATCHES = {"States.DataLimitExceeded", "States.Runtime"}

Task = Callable[[Json], Json]


@dataclass
class Execution:
    """One run, and what it did.

    tasks: by resource ARN. They get the parameters, answer with the result, and raise StateError.
    steps: (state, next state), also of child executions; a state that ends has no next.
    """

    machine: Json
    tasks: dict[str, Task]
    name: str = "run-1"
    steps: list[tuple[str, str | None]] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def run(self, given: Json, started_at: str = "2026-11-22T03:00:00.123Z") -> Json:
        """The output. Raises StateError where the execution fails."""
        identity = f"arn:aws:states:eu-west-1:123456789012:execution:lookalike:{self.name}"
        execution = {"Id": identity, "Input": given, "Name": self.name, "StartTime": started_at}
        return self._states(self.machine, given, {"Execution": execution})

    def _states(self, machine: Json, given: Json, context: Json) -> Json:
        _known(machine, MACHINE, "a machine")
        if machine.get("QueryLanguage", "JSONPath") != "JSONPath":
            raise Unknown("a query language")
        name: str | None = machine["StartAt"]
        while name is not None:
            state = machine["States"][name]
            here = {**context, "State": {"Name": name}}
            given, following = self._state(state, _small(deepcopy(given)), here)
            self.steps.append((name, following))
            name = following
        return given

    def _state(self, state: Json, given: Json, context: Json) -> tuple[Json, str | None]:
        kind = state["Type"]
        _known(state, FIELDS[kind], kind)
        values = Values(given, context)
        if kind == "Choice":
            return given, _choice(state, values)
        if kind == "Succeed":
            return given, None
        if kind == "Fail":
            name, cause = (values.evaluated(state[path]) for path in ("ErrorPath", "CausePath"))
            self.steps.append((context["State"]["Name"], None))
            raise StateError(name, cause)
        if kind == "Wait":
            self.waited.append(state["Seconds"])
            return given, _following(state)
        if kind == "Pass":
            result = values.template(state["Parameters"]) if "Parameters" in state else given
            result = state.get("Result", result)
            return put(given, state.get("ResultPath", "$"), result), _following(state)
        return self._attempts(state, given, context)

    def _attempts(self, state: Json, given: Json, context: Json) -> tuple[Json, str | None]:
        """A task or a map with its Retry and Catch."""
        tried = [0] * len(state.get("Retry", ()))
        do = self._task if state["Type"] == "Task" else self._map
        while True:
            try:
                result = do(state, given, context)
                if "ResultSelector" in state:
                    result = Values(result, context).template(state["ResultSelector"])
                whole = put(given, state.get("ResultPath", "$"), result)
                if "OutputPath" in state:
                    whole = Values(whole, context).evaluated(state["OutputPath"])
                return _small(whole), _following(state)
            except StateError as error:
                if error.name in NOBODY_CATCHES:
                    raise
                if self._again(state, error, tried):
                    continue
                for catcher in state.get("Catch", ()):
                    _known(catcher, {"ErrorEquals", "ResultPath", "Next"}, "Catch")
                    if _matches(catcher["ErrorEquals"], error.name):
                        path = catcher.get("ResultPath", "$")
                        return put(given, path, error.told()), catcher["Next"]
                raise

    def _again(self, state: Json, error: StateError, tried: list[int]) -> bool:
        for number, retrier in enumerate(state.get("Retry", ())):
            _known(retrier, RETRY | {"JitterStrategy"}, "Retry")
            if _matches(retrier["ErrorEquals"], error.name):
                if tried[number] >= retrier.get("MaxAttempts", 3):
                    return False
                grown = retrier.get("BackoffRate", 2.0) ** tried[number]
                wait = retrier.get("IntervalSeconds", 1) * grown
                self.waited.append(min(wait, retrier.get("MaxDelaySeconds", wait)))
                tried[number] += 1
                return True
        return False

    def _task(self, state: Json, given: Json, context: Json) -> Json:
        if state["Resource"] not in self.tasks:
            raise Unknown(f"the resource {state['Resource']}")
        parameters = _small(Values(given, context).template(state["Parameters"]))
        return json.loads(json.dumps(self.tasks[state["Resource"]](parameters)))

    def _map(self, state: Json, given: Json, context: Json) -> Json:
        processor = state["ItemProcessor"]
        mode = processor["ProcessorConfig"]["Mode"]
        if mode not in ("INLINE", "DISTRIBUTED"):
            raise Unknown(f"the mode {mode}")
        inputs = list(self._inputs(state, given, context))
        if mode == "INLINE":
            return [self._states(processor, one, context) for one in inputs]
        outputs, failed = [], 0
        items = sum(_size(one) for one in inputs)
        for number, one in enumerate(inputs):
            # A child execution is one of its own, with a context of its own.
            own = {"Id": f"{context['Execution']['Id']}/{state['Label']}:{number}", "Input": one}
            try:
                outputs.append(_small(self._states(processor, one, {"Execution": own})))
            except StateError as error:
                failed += _size(one)
                if 100 * failed > state.get("ToleratedFailurePercentage", 0) * items:
                    name = "States.ExceedToleratedFailureThreshold"
                    raise StateError(name, f"the last one: {error}") from None
        return self._written(state, given, context, outputs)

    def _written(self, state: Json, given: Json, context: Json, outputs: list[Json]) -> Json:
        """Without a ResultWriter the outputs of all children are one array, often too large."""
        if "ResultWriter" not in state:
            return _small(outputs)
        writer = state["ResultWriter"]
        place = Values(given, context).template(writer["Parameters"])
        return self.tasks[writer["Resource"]]({**place, "Outputs": outputs})

    def _inputs(self, state: Json, given: Json, context: Json) -> Iterator[Json]:
        """What each child is given: an item, or a batch of them."""
        values = Values(given, context)
        if "ItemReader" in state:
            _known(state["ItemReader"], {"Resource", "Parameters"}, "ItemReader")
            reader = state["ItemReader"]
            items = self.tasks[reader["Resource"]](values.template(reader["Parameters"]))
        else:
            items = values.evaluated(state.get("ItemsPath", "$"))
        selected = []
        for number, item in enumerate(items):
            here = {**context, "Map": {"Item": {"Index": number, "Value": item}}}
            own = Values(given, here)
            selected.append(
                own.template(state["ItemSelector"]) if "ItemSelector" in state else item
            )
        if "ItemBatcher" not in state:
            yield from selected
            return
        batcher = state["ItemBatcher"]
        _known(batcher, {"MaxItemsPerBatch", "BatchInput"}, "ItemBatcher")
        size, shared = batcher["MaxItemsPerBatch"], values.template(batcher["BatchInput"])
        for start in range(0, len(selected), size):
            yield {"Items": selected[start : start + size], "BatchInput": shared}


def _choice(state: Json, values: Values) -> str:
    for rule in state["Choices"]:
        if _holds(rule, values):
            return str(rule["Next"])
    if "Default" not in state:
        raise StateError("States.NoChoiceMatched")
    return str(state["Default"])


def _holds(rule: Json, values: Values) -> bool:
    ((operator, wanted),) = ((k, v) for k, v in rule.items() if k not in ("Variable", "Next"))
    try:
        value = values.at(rule["Variable"])
    except KeyError:
        if operator == "IsPresent":
            return not wanted
        raise StateError("States.Runtime", f"there is no {rule['Variable']}") from None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match operator:
        case "IsPresent":
            return bool(wanted)
        case "BooleanEquals":
            return isinstance(value, bool) and value == wanted
        case "StringEquals":
            return isinstance(value, str) and value == wanted
        case "NumericLessThan":
            return number and value < wanted
        case "NumericGreaterThan":
            return number and value > wanted
    raise Unknown(f"the operator {operator}")


def _matches(names: list[str], name: str) -> bool:
    if "States.ALL" in names and len(names) > 1:
        raise Unknown("States.ALL beside others")
    if "States.TaskFailed" in names:
        raise Unknown("States.TaskFailed")
    return names == ["States.ALL"] or name in names


def _following(state: Json) -> str | None:
    if ("Next" in state) == (state.get("End") is True):
        raise Unknown("a state with both of Next and End, or neither")
    return state.get("Next")


def _known(given: Json, fields: set[str], what: str) -> None:
    if unknown := given.keys() - fields:
        raise Unknown(f"{sorted(unknown)} of {what}")


def _size(given: Json) -> int:
    return len(given["Items"]) if isinstance(given, dict) and "Items" in given else 1


def _small(value: Json) -> Json:
    size = len(json.dumps(value, ensure_ascii=False).encode())
    if size > LARGEST:
        raise StateError("States.DataLimitExceeded", f"{size} bytes")
    return value
