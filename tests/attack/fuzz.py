"""The published document against a running server: schemathesis, with every check and phase on."""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.schemas import BaseSchema

from tests.attack.beyond import is_told_by_the_document

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"
PHASES = ("examples", "coverage", "fuzzing", "stateful")
# Of the ids asked for: made-up ones alone would hardly ever get further than 404.
KNOWN_IDS = 0.7
EXAMPLES = 2  # of ids, in the phases that go through values one by one
REQUEST_SECONDS = 30


@dataclass
class Tally:
    """What was asked, what was answered, and what was wrong with it. Phases count calls."""

    phases: Counter[str] = field(default_factory=Counter)
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    excused: int = 0

    @property
    def calls(self) -> int:
        return self.phases.total()

    @property
    def server_errors(self) -> int:
        """Answers of 5xx, whatever the document says of them."""
        return sum(
            count
            for statuses in self.statuses.values()
            for status, count in statuses.items()
            if status >= 500
        )

    def add(self, other: "Tally") -> None:
        self.phases += other.phases
        for operation, statuses in other.statuses.items():
            self.statuses.setdefault(operation, Counter()).update(statuses)
        self.failures += [failure for failure in other.failures if failure not in self.failures]
        self.excused += other.excused

    def read(self, phase: str, recorder: ScenarioRecorder) -> None:
        self.excused += sum(recorder.filtered_failures.values())
        for case_id, interaction in recorder.interactions.items():
            self.phases[phase] += 1
            operation = recorder.cases[case_id].value.operation.label
            answered = interaction.response
            status = answered.status_code if answered is not None else 0
            self.statuses.setdefault(operation, Counter())[status] += 1
        for case_id, checks in recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    operation = recorder.cases[case_id].value.operation.label
                    failure = check.failure_info
                    told = f"{operation}: {failure.failure.title}: {failure.failure.message}"
                    self.failures.append(f"{told}\n{failure.code_sample}")


def attack(
    url: str,
    image_ids: Sequence[str],
    seed: int,
    examples: int,
    phases: Sequence[str] = PHASES,
    operations: Sequence[str] = (),
) -> Tally:
    """One round of every phase. examples: of each operation, in the phases that draw at random.

    operations: ids of the only ones that are asked; all of them if it is empty.
    """
    known = document(image_ids[:EXAMPLES])
    schema = schemathesis.openapi.from_dict(known, config=_config(image_ids, seed, examples))
    schema.config.update(base_url=url.rstrip("/"))
    schema.config.phases.update(phases=list(phases))
    _excuse(schema)
    if operations:
        schema = schema.include(operation_id=list(operations))
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder, chdir(folder):  # hypothesis leaves files
        for event in from_schema(schema).execute():
            tally_event(tally, event)
    return tally


def tally_event(tally: Tally, event: events.EngineEvent) -> None:
    if isinstance(event, events.ScenarioFinished):
        tally.read(event.phase.value, event.recorder)
    elif isinstance(event, events.NonFatalError):
        tally.failures.append(f"{event.label}: {event.info.format()}")
    elif isinstance(event, events.FatalError):
        raise event.exception


def document(image_ids: Sequence[str]) -> dict[str, Any]:
    """The published one, as it is for a laptop, which asks for neither key nor signature: what the
    cloud asks for is API Gateway's doing, and `tests/infra/test_api.py` holds it.

    image_ids: as examples, so that not every image is unknown.
    """
    found: dict[str, Any] = json.loads(DOCUMENT.read_text())
    del found["components"]["securitySchemes"]
    for operation in operations_of(found):
        del operation["security"]
        for parameter in operation["parameters"]:
            if parameter["name"] == "image_id":
                parameter["schema"]["examples"] = list(image_ids)
    find = found["components"]["schemas"]["Find"]
    find["examples"] = [{"image_id": image_id} for image_id in image_ids]
    return found


def operations_of(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for methods in found["paths"].values():
        yield from methods.values()


def _config(image_ids: Sequence[str], seed: int, examples: int) -> SchemathesisConfig:
    ids = {"dictionary": "ids", "probability": KNOWN_IDS}
    places = ("path.image_id", "body.image_id", "body.positive[*]", "body.negative[*]")
    return SchemathesisConfig.from_dict(
        {
            "seed": seed,
            "continue-on-failure": True,
            "request-timeout": REQUEST_SECONDS,
            "warnings": False,
            "generation": {"max-examples": examples, "no-shrink": True, "database": "none"},
            "dictionaries": {"ids": {"values": list(image_ids)}},
            "parameters": dict.fromkeys(places, ids),
        }
    )


def _excuse(schema: BaseSchema) -> None:
    """A refusal, or an acceptance, for a rule that no schema can say; the document says it."""

    @schema.hook("filter_failure")
    def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
        return not is_told_by_the_document(failure, case, response)
