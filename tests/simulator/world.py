"""The real ingest, reindex and reconcile in a world of memory, in which anything may happen."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from greenlet import getcurrent  # type: ignore[import-untyped]

from lookalike import ingest, reconcile, reindex
from lookalike.catalogue import image_id_of
from lookalike.changes_queue import ChangesQueue
from lookalike.errors import LookalikeError
from lookalike.index import Vector
from lookalike.models import SERVING_KEY, Serving, ServingState
from lookalike.moderation import Verdict
from lookalike.rejects import Rejects
from tests.simulator import promises
from tests.simulator.asked import AskedIndex, AskedModels, AskedModerator, AskedQueue, AskedStore
from tests.simulator.embedding import embedding
from tests.simulator.encoders import DIMENSION, MODELS, Opinion, is_of
from tests.simulator.glimpses import Glimpse, glimpse
from tests.simulator.memory import MemoryIndex, MemoryStore
from tests.simulator.pictures import KEYS, NAMES, SIZES
from tests.simulator.queue import MemoryQueue
from tests.simulator.stage import Actor, Killed, Stage

MOST_WORKERS = 3
MOST_COMMANDS = 2


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What one process has built of the real code."""

    ingest: ingest.Ingest
    reindex: reindex.Reindex
    reconcile: reconcile.Reconcile
    changes: ChangesQueue

    def send(self, *keys: str) -> None:
        self.changes.send(keys, lambda: False)

    def mend(self) -> None:
        """A whole reconcile."""
        self.send(*self.reconcile.find().keys)


class World:
    """What exists, and who is at work. wrong: what was seen that must never be."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.images, self.derived, self.states = MemoryStore(SIZES), MemoryStore(), MemoryStore()
        self.points = MemoryIndex()
        self.queue = MemoryQueue()
        self.opinion = Opinion()
        self.workers: dict[str, tuple[Actor, str]] = {}  # by name; each with its picture's key
        self.commands: dict[str, Actor] = {}
        self.lost: set[str] = set()  # pictures of whose change nobody was told
        self.wrong: list[str] = []
        self.live = MODELS[0]
        self.answering = {self.live}  # and the challenger of a trial
        self._names = {image_id_of(key): key for key in KEYS}
        self._numbers: dict[str, int] = {}
        self._seen: dict[object, Glimpse] = {}  # by command, when it began
        self._warm: list[Sandbox] = []  # of workers that wait for a message
        self._build()

    def _build(self) -> None:
        stage = self.stage
        self._pictures = AskedStore(stage, self.images, self._name)
        self._derived = AskedStore(stage, self.derived, self._name)
        self._states = AskedStore(stage, self.states, lambda _: "who serves", self._state_changed)
        self._index = AskedIndex(
            stage, self.points, self._name, self._check_live, self._check_vector
        )
        self._models: Any = AskedModels(stage)
        self._judge = AskedModerator(stage, self.opinion)
        self.messages = AskedQueue(stage, self.queue)
        self.points.open(self.live, DIMENSION)
        Serving(self._states).start(self.live)
        self.embed = embedding()

    def sandbox(self) -> Sandbox:
        """A process as it starts: it remembers nothing of what others read."""
        serving = Serving(self._states)
        pictures, index, models, derived = self._pictures, self._index, self._models, self._derived
        its = ingest.Ingest(pictures, index, models, serving, self._judge, derived)
        client: Any = self.messages
        changes = ChangesQueue(client, "changes", "pictures", sleep=lambda _: None)
        return Sandbox(
            its,
            reindex.Reindex(pictures, index, models, serving, its),
            reconcile.Reconcile(pictures, index, Rejects(derived), serving, changes),
            changes,
        )

    # What happens outside.

    def change(self, key: str, data: bytes | None) -> None:
        """Somebody writes or deletes an object, and the bucket sends its event."""
        if data is None:
            self.images.delete(key)
            self.stage.tell(f"{key} is deleted")
        else:
            self.images.put(key, data, "")
            self.stage.tell(f"{key} is written ({NAMES[data]})")
        self.queue.notify(key, "ObjectRemoved:Delete" if data is None else "ObjectCreated:Put")

    def deliver(self, number: int) -> Actor:
        """One of the waiting messages, whichever, reaches a worker."""
        message = self.queue.receive(number)
        name = self._next("worker")
        sandbox = self._warm.pop(0) if self._warm else self.sandbox()

        def act() -> None:
            self.embed(message.body)
            self.messages.delete(message)

        def ended(error: BaseException | None) -> None:
            del self.workers[name]
            self.queue.release(message)
            if not isinstance(error, Killed):
                self._warm.append(sandbox)
            self._tell_end(name, error, ": its message comes again")

        self.stage.tell(f"{name} is told of {message.subject}")
        self.workers[name] = (Actor(name, sandbox, act, ended), message.subject)
        return self._begin(self.workers[name][0])

    def duplicate(self, number: int) -> None:
        """At least once: a message comes again, while a worker has it or before."""
        messages = self.queue.waiting + self.queue.in_flight
        message = messages[number % len(messages)]
        self.stage.tell(f"the message about {message.subject} comes twice")
        self.queue.send(message.body)

    def lose(self, number: int) -> None:
        message = self.queue.waiting.pop(number % len(self.queue.waiting))
        self.stage.tell(f"the message about {message.subject} is lost")
        self.lost.add(message.subject)

    def redrive(self) -> None:
        self.stage.tell("the dead letters are redriven")
        self.queue.redrive()

    def think(self, verdict: Verdict) -> None:
        self.stage.tell(f"the moderator takes every picture for {verdict.status}")
        self.opinion.verdict = verdict
        self.opinion.changes += 1

    def command(self, name: str, act: Callable[[Sandbox], object]) -> Actor:
        """A run or a person asks for a change of who serves, or for a reconcile."""
        name, sandbox = self._next(name), self.sandbox()

        def ended(error: BaseException | None) -> None:
            del self.commands[name]
            self._tell_end(name, error, "")

        self.stage.tell(f"{name} begins")
        actor = self.commands[name] = Actor(name, sandbox, lambda: act(sandbox), ended)
        self._seen[actor] = glimpse(self)
        return self._begin(actor)

    def _begin(self, actor: Actor) -> Actor:
        actor.begin()
        return actor

    @property
    def actors(self) -> list[Actor]:
        return [actor for actor, _ in self.workers.values()] + [*self.commands.values()]

    def _tell_end(self, name: str, error: BaseException | None, then: str) -> None:
        if isinstance(error, Killed):
            self.stage.tell(f"{name} is killed{then}")
        elif isinstance(error, LookalikeError):
            self.stage.tell(f"{name} fails ({error}){then}")
        elif error is not None:
            self.wrong.append(f"{name} dies of {error!r}")

    def _next(self, kind: str) -> str:
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return f"{kind} {self._numbers[kind]}"

    # What must hold at any moment.

    @property
    def state(self) -> ServingState:
        return ServingState.of(json.loads(self.states.get(SERVING_KEY)[0]))

    def _state_changed(self, _: str) -> None:
        """Who answers queries from now on must lack nothing that nobody is at work on."""
        answered, state = self.answering, self.state
        self.live, self.answering = state.live, {state.live, state.challenger or state.live}
        self.stage.tell(f"(from now on {_who(state)})")
        self._check_live(self.live)
        seen = self._seen.get(getcurrent(), {})
        for model in self.answering - answered:
            before = state.previous if model == state.live else state.live
            self.wrong += promises.of_a_switch(self, before or "", model, seen)

    def unsettled(self) -> set[str]:
        """Pictures that somebody is at work on or will be, and those whose event was lost."""
        at_work = {subject for _, subject in self.workers.values()}
        return self.queue.subjects() | at_work | self.lost

    def _check_vector(self, model: str, vector: Vector) -> None:
        if not is_of(model, vector):
            self.wrong.append(f"{model} is given a vector of another model")

    def _check_live(self, _: str) -> None:
        if self.live not in self.points.collections:
            self.wrong.append(f"{self.live} serves, and has no collection")

    def _name(self, key: str) -> str:
        """Image ids, and keys that are made of them, are told by the picture's key."""
        kind, _, file = key.rpartition("/")
        image_id = file.removesuffix(".webp").removesuffix(".json")
        if image_id not in self._names:
            return key
        of = {"thumbnails": "the thumbnail of ", "rejects": "the reject of "}.get(kind, "")
        return of + self._names[image_id]


def _who(state: ServingState) -> str:
    named = [f"{state.live} serves"]
    named += [f"{state.next} is {'on trial' if state.challenger else 'next'}"] * bool(state.next)
    named += [f"{state.previous} is previous"] * bool(state.previous)
    return ", ".join(named)
