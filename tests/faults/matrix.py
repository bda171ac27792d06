"""Dependency × fault × operation: what callers get, in which time, after how many attempts."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from lookalike.clients import ATTEMPTS
from tests.faults.operations import (
    KNOWN,
    Describe,
    Edit,
    Index,
    Operation,
    Part,
    Reconcile,
    Remove,
    Said,
    Similar,
    Tell,
    Upload,
)
from tests.faults.pace import SLACK_SECONDS, START_SECONDS, Pace
from tests.faults.place import Place
from tests.faults.proxy import Fault, Kind

# Every fault, in seconds and bytes a second of a real pace.
FAULTS: dict[Kind, Fault] = {
    "down": Fault("down"),
    "refuse": Fault("refuse"),
    "slow": Fault("slow", seconds=1.0),
    "narrow": Fault("narrow", rate=4_000),
    "drip": Fault("drip", seconds=1.0),
    "silent": Fault("silent"),
    "stall": Fault("stall"),
    "cut": Fault("cut"),
    "reset": Fault("reset"),
    "garbage": Fault("garbage"),
    "nonsense": Fault("nonsense"),
    "stranger": Fault("stranger"),
    "flap": Fault("flap", seconds=0.1),  # about as long as attempts are apart
}
SWEPT: tuple[Kind, ...] = ("cut", "reset", "nonsense", "stranger")
QDRANT_ATTEMPTS = 2  # what met a dead connection is sent once more


@dataclass(frozen=True, slots=True)
class Dependency:
    """operations: those that need it, and whether they do in a sandbox that has just started.

    proxy: what stands before it. survived: operations that need no answer of it at all, for what
    they knew before is good enough.
    """

    name: str
    proxy: str
    operations: tuple[tuple[type[Operation], bool], ...]
    survived: tuple[type[Operation], ...] = ()

    @property
    def attempts(self) -> int:
        return QDRANT_ATTEMPTS if self.proxy == "qdrant" else ATTEMPTS


WARM, COLD = False, True
DEPENDENCIES = (
    Dependency(
        "S3: pictures",
        "s3",
        ((Index, WARM), (Remove, WARM), (Part, WARM), (Edit, WARM), (Reconcile, WARM)),
    ),
    Dependency(
        "S3: models, serving state",
        "s3",
        ((Similar, WARM), (Upload, WARM), (Similar, COLD), (Index, COLD)),
        survived=(Similar, Upload),
    ),
    Dependency(
        "Qdrant",
        "qdrant",
        tuple((one, WARM) for one in (Index, Remove, Similar, Upload, Describe, Edit, Reconcile)),
    ),
    Dependency("Firehose", "firehose", ((Tell, WARM),)),
    Dependency(
        "Secrets Manager",
        "secretsmanager",
        ((Similar, WARM), (Tell, WARM), (Similar, COLD), (Tell, COLD), (Index, COLD)),
        survived=(Similar, Tell),
    ),
    Dependency("SQS", "sqs", ((Reconcile, WARM),)),
)


@dataclass(frozen=True, slots=True)
class Cell:
    dependency: Dependency
    kind: Kind
    operation: type[Operation]
    cold: bool
    after: int = 0

    @property
    def name(self) -> str:
        cold, after = ", cold" if self.cold else "", f", after {self.after}" if self.after else ""
        return f"{self.dependency.name}, {self.kind}{after}: {self.operation.name}{cold}"

    @property
    def survives(self) -> bool:
        return not self.cold and self.operation in self.dependency.survived


@dataclass(slots=True)
class Found:
    """What became of one cell. broken: promises that were not kept, in words."""

    cell: Cell
    said: Said
    seconds: float
    attempts: int
    lost: int = 0
    broken: list[str] = field(default_factory=list)


def cells(dependencies: Sequence[Dependency] = DEPENDENCIES) -> Iterator[Cell]:
    for dependency in dependencies:
        for kind in FAULTS:
            for operation, cold in dependency.operations:
                if not (operation is Reconcile and kind in ("drip", "narrow")):  # nobody waits
                    yield Cell(dependency, kind, operation, cold)


class Matrix:
    """Runs cells in one place. Each begins in a sandbox of its own, and ends in it, mended."""

    def __init__(self, place: Place, pace: Pace) -> None:
        self.place = place
        self.pace = pace
        self._number = 0
        self._usual: dict[tuple[type[Operation], bool, str], int] = {}

    def begin(self) -> None:
        """One picture is indexed, for searches to find."""
        known = Index()
        known.prepare(self.place, KNOWN.removesuffix(".jpg"))
        self.place.fresh("embed")
        said = known.ask(self.place, known.seconds)
        assert said.done, said

    def sweep(self, cell: Cell) -> Iterator[Found]:
        """The fault strikes at the first request; where that is told at once, at each of them."""
        yield self.run(cell)
        if cell.kind in SWEPT:
            for after in range(1, self._attempts_usually(cell)):
                yield self.run(replace(cell, after=after))

    def run(self, cell: Cell) -> Found:
        operation = self._prepared(cell)
        usual = self._attempts_usually(cell)
        self._sandbox(cell)
        deadline = self.pace.of(operation.seconds)
        proxy = self.place.proxies[cell.dependency.proxy]
        proxy.count()
        self.place.log.leaks()
        with proxy.during(self._fault(cell)):
            began = time.monotonic()
            said = self._ask(cell, operation, deadline)
            found = Found(cell, said, time.monotonic() - began, proxy.count())
        self._judge(found, operation, usual, deadline)
        self._after(found, operation)
        return found

    def _judge(self, found: Found, operation: Operation, usual: int, deadline: float) -> None:
        said, cell = found.said, found.cell
        if said.wrong:
            found.broken.append(f"an answer of another kind: {said.wrong}")
        if said.done:
            found.lost += len(lost := operation.lost(self.place))
            found.broken += [f"promised and lost: {one}" for one in lost]
        if cell.survives and not said.done:
            found.broken.append(f"not answered by what was known before: {said.words}")
        deadline += START_SECONDS if cell.cold else 0.0
        if found.seconds > deadline + SLACK_SECONDS:
            found.broken.append(f"{found.seconds:.1f} s, of {deadline:.1f} s")
        if cell.kind != "down" and found.attempts > usual * cell.dependency.attempts:
            found.broken.append(f"{found.attempts} attempts where {usual} calls are usual")

    def _after(self, found: Found, operation: Operation) -> None:
        """The same again, in the same sandbox, once the fault is over."""
        again = operation.ask(self.place, self.pace.of(operation.seconds))
        if not again.done or again.wrong:
            found.broken.append(f"not well again: {again.words} {again.wrong}")
        elif lost := operation.lost(self.place):
            found.lost += len(lost)
            found.broken += [f"not made right: {one}" for one in lost]
        found.broken += [f"a secret in the log: {line}" for line in self.place.log.leaks()]

    def _prepared(self, cell: Cell) -> Operation:
        self._number += 1  # no two pictures are one
        operation = cell.operation()
        operation.prepare(self.place, f"{cell.kind} {self._number}")
        return operation

    def _sandbox(self, cell: Cell) -> None:
        """A warm one has done the same before; a cold one is begun when it is asked."""
        if not cell.cold:
            before = self._prepared(cell)
            self.place.fresh(cell.operation.function)
            said = before.ask(self.place, before.seconds)
            assert said.done, said
            before.lost(self.place)

    def _ask(self, cell: Cell, operation: Operation, seconds: float) -> Said:
        if cell.cold:
            self.place.fresh(cell.operation.function, bare=True)
        return operation.ask(self.place, seconds)

    def _attempts_usually(self, cell: Cell) -> int:
        """How often this operation asks this dependency in good times."""
        key = (cell.operation, cell.cold, cell.dependency.proxy)
        if key not in self._usual:
            operation = self._prepared(cell)
            self._sandbox(cell)
            proxy = self.place.proxies[cell.dependency.proxy]
            proxy.count()
            said = self._ask(cell, operation, operation.seconds)
            assert said.done, said
            self._usual[key] = max(1, proxy.count())
            operation.lost(self.place)
        return self._usual[key]

    def _fault(self, cell: Cell) -> Fault:
        real = FAULTS[cell.kind]
        rate = int(real.rate * self.pace.faster)
        return Fault(cell.kind, self.pace.of(real.seconds), rate, cell.after)
