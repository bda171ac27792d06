"""The model store, and the serving state that says which model answers."""

import json
import re
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.encoder import Encoder
from lookalike.errors import DependencyError, InvalidRequest, ModelUnavailable
from lookalike.stores import ABSENT, MissingObject, Store

SHIPPED = Path(__file__).parent / "default_encoder"
SERVING_KEY = "serving.json"
VERSION_PATTERN = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")  # also a folder and a collection name
STATE_SECONDS = 5.0  # how long a query may go by an old serving state: `previous` still answers


@dataclass(frozen=True, slots=True)
class ServingState:
    """Who serves. live answers; next is being filled; previous waits for a rollback."""

    live: str
    next: str | None = None
    previous: str | None = None

    def models(self) -> tuple[str, ...]:
        """Every model whose collection must follow the store, the live one first.

        The next may be the previous, on its way back.
        """
        named = (self.live, self.next, self.previous)
        return tuple(dict.fromkeys(model for model in named if model))


class Serving:
    """The one pointer that says who serves; every change is a compare-and-set."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._recent: tuple[float, ServingState] | None = None

    def read(self) -> tuple[ServingState, str]:
        """The state as it is now, and the etag to change it with."""
        try:
            data, etag = self.store.get(SERVING_KEY)
            state = ServingState(**json.loads(data))
        except MissingObject as error:
            raise ModelUnavailable("No model serves yet: index a folder, or deploy one.") from error
        except (ValueError, TypeError) as error:
            raise ModelUnavailable(
                f"{SERVING_KEY} cannot be read ({error}); restore an earlier version of it."
            ) from error
        self._recent = (time.monotonic(), state)
        return state, etag

    def recent(self) -> ServingState:
        """The state at most STATE_SECONDS old, or older while the store does not answer."""
        if self._recent and time.monotonic() - self._recent[0] < STATE_SECONDS:
            return self._recent[1]
        try:
            return self.read()[0]
        except DependencyError:
            if self._recent is None:
                raise
            return self._recent[1]

    def forget(self) -> None:
        """Go by no state that was read before now."""
        self._recent = None

    def start(self, model: str) -> None:
        """Name the first live model. Raises PreconditionFailed when one serves already."""
        self.swap(ABSENT, ServingState(live=model))

    def swap(self, expected_etag: str, state: ServingState) -> str:
        """Replace the state that had this etag. Raises PreconditionFailed if it changed since."""
        data = json.dumps(asdict(state)).encode()
        etag = self.store.put(SERVING_KEY, data, "application/json", if_match=expected_etag)
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
        for (
            key,
            _,
        ) in self.store.keys():  # training jobs keep theirs in the same store, further down
            if key.endswith(f"/{CARD_NAME}") and key.count("/") == 1:
                yield ModelCard.from_json(self.store.get(key)[0])

    def add(self, folder: Path) -> ModelCard:
        """Copy a model in. The card goes last: a version exists once its card does.

        Adding the same version again is harmless; another file under the same version is refused.
        """
        card = Encoder(folder).card  # proves that the file is what the card says
        if not VERSION_PATTERN.fullmatch(card.model):
            raise InvalidRequest(
                "/model", f"{card.model!r} is not a version: {VERSION_PATTERN.pattern}"
            )
        try:
            present = ModelCard.from_json(self.store.get(f"{card.model}/{CARD_NAME}")[0])
        except MissingObject:
            pass
        else:
            if present.sha256 == card.sha256:
                return present
            raise InvalidRequest(
                "/model", f"{card.model} exists with another file; name a new version."
            )
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
            self._encoders = {
                name: self._encoders[name] for name in models if name in self._encoders
            }

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
