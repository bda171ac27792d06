"""The model store, and the serving state that says which model answers."""

import hashlib
import json
import re
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.deadline import refreshing
from lookalike.encoder import Encoder
from lookalike.errors import DependencyError, InvalidRequest, ModelUnavailable
from lookalike.stores import ABSENT, MissingObject, Store

SHIPPED = Path(__file__).parent / "default_encoder"
SERVING_KEY = "serving.json"
VERSION_PATTERN = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")  # also a folder and a collection name
STATE_SECONDS = 5.0  # how long a query may go by an old serving state: `previous` still answers
CHANGE = "change"  # differs in each write: an etag is a hash, and must not return when a state does
RETRY_SECONDS = 30.0  # and how soon one waits again for a store that did not answer


@dataclass(frozen=True, slots=True)
class Trial:
    """Some sessions are answered by the next model, so that its clicks speak before it serves.

    share: of the sessions, from 0 to 1. since: when it began to answer, RFC 3339 in UTC; None
    while its collection is not verified yet. Raises ValueError for what can be neither.
    """

    share: float
    since: str | None = None

    def __post_init__(self) -> None:
        number = isinstance(self.share, (int, float)) and not isinstance(self.share, bool)
        if not number or not 0 <= self.share <= 1:  # NaN is not
            raise ValueError(f"the share of a trial is {self.share!r}, not a number from 0 to 1")
        if self.since is not None and datetime.fromisoformat(self.since).tzinfo is None:
            raise ValueError(f"a trial since {self.since!r}, in no time zone")


@dataclass(frozen=True, slots=True)
class ServingState:
    """Who serves. live answers; next is being filled, or on trial; previous waits for a rollback.

    Raises ValueError for what no change of ours makes.
    """

    live: str
    next: str | None = None
    previous: str | None = None
    trial: Trial | None = None

    def __post_init__(self) -> None:
        others = (name for name in (self.next, self.previous) if name is not None)
        for name in (self.live, *others):
            if not isinstance(name, str) or not VERSION_PATTERN.fullmatch(name):
                raise ValueError(f"{name!r} is not a version")
        if self.next == self.live:
            raise ValueError(f"{self.live} is live and next at once")
        if self.trial and self.next is None:
            raise ValueError("a trial of no next model")

    @classmethod
    def of(cls, document: dict[str, Any]) -> Self:
        """Raises ValueError and TypeError; one field too many may be one that matters."""
        trial = document.get("trial")
        told = {**document, "trial": None if trial is None else Trial(**trial)}
        told.pop(CHANGE, None)
        return cls(**told)

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "trial" or value}

    def models(self) -> tuple[str, ...]:
        """Every model whose collection must follow the store, the live one first.

        The next may be the previous, on its way back.
        """
        named = (self.live, self.next, self.previous)
        return tuple(dict.fromkeys(model for model in named if model))

    @property
    def challenger(self) -> str | None:
        """The next model, once it answers its share of the sessions."""
        return self.next if self.trial and self.trial.since else None

    @property
    def filling(self) -> str | None:
        """The next model, as long as nobody is answered by it."""
        return None if self.challenger else self.next

    def answering(self, session_id: str | None) -> str:
        """Who answers this session: always the same one, as long as the trial is the same.

        The challenger is part of what is hashed: a session's side in one trial says nothing about
        its side in the next.
        """
        if session_id is None or not self.trial or not self.challenger:
            return self.live
        digest = hashlib.sha256(f"{self.challenger}/{session_id}".encode()).digest()
        drawn = int.from_bytes(digest[:6], "big") / 2**48  # exact, and below 1
        return self.challenger if drawn < self.trial.share else self.live


class Serving:
    """The one pointer that says who serves; every change is a compare-and-set."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._recent: tuple[float, ServingState] | None = None
        self._changes = 0  # that we made: what was read before one of them is not recent any more
        self._noting = threading.Lock()

    def read(self) -> tuple[ServingState, str]:
        """The state as it is now, and the etag to change it with."""
        changes = self._changes
        try:
            data, etag = self.store.get(SERVING_KEY)
            state = ServingState.of(json.loads(data))
        except MissingObject as error:
            raise ModelUnavailable("No model serves yet: index a folder, or deploy one.") from error
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            words = f"{SERVING_KEY} cannot be read ({error}); restore an earlier version of it."
            raise ModelUnavailable(words) from error
        with self._noting:
            if changes == self._changes:
                self._recent = (time.monotonic(), state)
        return state, etag

    def recent(self) -> ServingState:
        """The state at most STATE_SECONDS old, or older while the store does not answer."""
        known = self._recent
        if known is None:
            return self.read()[0]
        if time.monotonic() - known[0] < STATE_SECONDS:
            return known[1]
        try:
            with refreshing():
                self.read()
        except DependencyError:
            self._ask_later(known)
        latest = self._recent or known  # a change of ours may have come while we read
        return latest[1]

    def _ask_later(self, known: tuple[float, ServingState]) -> None:
        """A store that hangs would cost every query the seconds that it takes to give up."""
        with self._noting:
            if self._recent is known:
                self._recent = (time.monotonic() + RETRY_SECONDS - STATE_SECONDS, known[1])

    def forget(self) -> None:
        """Go by no state that was read before now."""
        self._recent = None

    def start(self, model: str) -> None:
        """Name the first live model. Raises PreconditionFailed when one serves already."""
        self.swap(ABSENT, ServingState(live=model))

    def swap(self, expected_etag: str, state: ServingState) -> str:
        """Replace the state that had this etag. Raises PreconditionFailed if it changed since."""
        data = json.dumps({**state.as_json(), CHANGE: secrets.token_hex(8)}).encode()
        etag = self.store.put(SERVING_KEY, data, "application/json", if_match=expected_etag)
        with self._noting:
            self._changes += 1
            self._recent = (time.monotonic(), state)
        return etag


class ModelStore:
    """Encoders by version: `<version>/model.onnx` and `<version>/card.json`.

    cache: where files are unpacked to be loaded. For a store that is a folder, the folder itself.
    """

    def __init__(self, store: Store, cache: Path, shipped: Path = SHIPPED) -> None:
        self.store = store
        self.cache = cache
        self.shipped = shipped
        self._loading = threading.Lock()
        self._encoders: dict[str, Encoder] = {}

    def cards(self) -> Iterator[ModelCard]:
        for key, _ in self.store.keys():  # training jobs keep theirs there too, further down
            if key.endswith(f"/{CARD_NAME}") and key.count("/") == 1:
                yield ModelCard.from_json(self.store.get(key)[0])

    def add(self, folder: Path) -> ModelCard:
        """Copy a model in. The card goes last: a version exists once its card does.

        Adding the same version again is harmless; another file under the same version is refused.
        """
        card = Encoder(folder).card  # proves that the file is what the card says
        if not VERSION_PATTERN.fullmatch(card.model):
            words = f"{card.model!r} is not a version: {VERSION_PATTERN.pattern}"
            raise InvalidRequest("/model", words)
        try:
            present = ModelCard.from_json(self.store.get(f"{card.model}/{CARD_NAME}")[0])
        except MissingObject:
            pass
        else:
            if present.sha256 == card.sha256:
                return present
            words = f"{card.model} exists with another file; name a new version."
            raise InvalidRequest("/model", words)
        onnx = (folder / ONNX_NAME).read_bytes()
        self.store.put(f"{card.model}/{ONNX_NAME}", onnx, "application/octet-stream")
        self.store.put(f"{card.model}/{CARD_NAME}", card.to_json().encode(), "application/json")
        return card

    def encoder(self, model: str) -> Encoder:
        """The model, loaded; kept until `keep` lets it go."""
        if loaded := self._encoders.get(model):  # no query waits while another model loads
            return loaded
        with self._loading:
            if model not in self._encoders:
                self._encoders[model] = Encoder(self._folder(model))
            return self._encoders[model]

    def keep(self, models: tuple[str, ...]) -> None:
        """Forget every loaded model but these."""
        with self._loading:
            kept = (name for name in models if name in self._encoders)
            self._encoders = {name: self._encoders[name] for name in kept}

    def _folder(self, model: str) -> Path:
        """A local folder with the model's files."""
        if (self.shipped / CARD_NAME).is_file() and ModelCard.read(self.shipped).model == model:
            return self.shipped
        folder = self.cache / model
        if not (folder / CARD_NAME).is_file():
            self._download(model, folder)
        return folder

    def _download(self, model: str, folder: Path) -> None:
        try:
            files = {name: self.store.get(f"{model}/{name}")[0] for name in (ONNX_NAME, CARD_NAME)}
        except MissingObject as error:
            raise ModelUnavailable(f"The model store has no model {model}.") from error
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, data in files.items():  # the card last, as in `add`
            (folder / name).write_bytes(data)
