"""Pictures of a bucket or a folder as files here: those asked for, and a pool that stays."""

import hashlib
import heapq
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from lookalike import wiring
from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.errors import CallerError, UnreadableImage
from lookalike.folder import Folder
from lookalike.images import looks_like_picture
from lookalike.limits import MAX_BYTES
from lookalike.models import SHIPPED
from lookalike.stores import MissingObject, Store

BUCKET = "s3://"
AT_ONCE = 10  # downloads: as many connections as boto3 keeps
POOL = 2_000  # pictures of the catalogue that a clicked one must stand out among
MOST_GOLD = 3_000


class NoSuchModel(CallerError):
    """The model store does not hold it."""


def opened(location: str) -> tuple[Store, str]:
    """The store, and the prefix of the keys in it: s3://bucket[/prefix], or a folder."""
    if location.startswith(BUCKET):
        return wiring.locate(location)
    if not Path(location).is_dir():
        raise CallerError(f"There is no folder {location}.")
    return Folder(Path(location)), ""


def model_folder(location: str, model: str, here: Path) -> Path:
    """A folder with the model's files as they are, copied if need be: nothing is checked yet."""
    if ModelCard.read(SHIPPED).model == model:
        return SHIPPED
    store, prefix = opened(location)
    folder = here / "models" / model
    folder.mkdir(parents=True)
    for name in (ONNX_NAME, CARD_NAME):
        try:
            (folder / name).write_bytes(store.get(_join(prefix, f"{model}/{name}"))[0])
        except MissingObject as error:
            raise NoSuchModel(f"{location} has no {model}/{name}.") from error
    return folder


def pool_of(store: Store, prefix: str = "", most: int = POOL) -> list[str]:
    """Keys of pictures of the catalogue: all, or those whose digests are the smallest.

    A digest knows neither time nor popularity, and the same catalogue gives the same pool every
    week. A bucket is listed whole, 1,000 keys a request, with `most` of them in memory.
    """
    keys = (key for key, _ in store.keys(prefix) if looks_like_picture(key))
    return heapq.nsmallest(most, keys, key=digest)


def digest(key: str) -> bytes:
    return hashlib.blake2b(key.encode(errors="surrogatepass"), digest_size=16).digest()


def fetched(store: Store, keys: Sequence[str], here: Path) -> dict[str, Path]:
    """Files by key, without those that are gone or too large. A folder's own are not copied."""
    if isinstance(store, Folder):
        found = {key: store.path_of(key) for key in keys}
        return {key: path for key, path in found.items() if path is not None and path.is_file()}
    here.mkdir(parents=True, exist_ok=True)

    def fetch(key: str) -> Path | None:
        path = here / f"{digest(key).hex()}{PurePosixPath(key).suffix.lower()[:8]}"
        try:
            path.write_bytes(store.get(key, MAX_BYTES)[0])
        except (MissingObject, UnreadableImage):
            return None
        return path

    with ThreadPoolExecutor(AT_ONCE) as threads:
        found = dict(zip(keys, threads.map(fetch, keys), strict=True))
    return {key: path for key, path in found.items() if path is not None}


def gold_beside(models: str) -> str:
    """The folder `gold` of the model store, where somebody has put labelled pictures; else ""."""
    store, prefix = opened(models)
    below = _join(prefix, "gold/")
    if any(looks_like_picture(key) for key, _ in store.keys(below)):
        return f"{models.rstrip('/')}/gold"
    return ""


def gold_folder(location: str, here: Path) -> Path:
    """A folder of folders here, one a label."""
    if not location.startswith(BUCKET):
        return Path(location)
    store, prefix = opened(location)
    below = _join(prefix, "")
    keys = pool_of(store, below, MOST_GOLD)
    for key, path in fetched(store, keys, here / "fetched").items():
        label = here / "gold" / _label_folder(key.removeprefix(below))
        label.mkdir(parents=True, exist_ok=True)
        path.rename(label / path.name)
    if not (here / "gold").is_dir():
        raise CallerError(f"There is no picture in {location}.")
    return here / "gold"


def top_folder(key: str) -> str:
    """What a catalogue is sorted by at its top; "" for a picture that lies in no folder."""
    return key.partition("/")[0] if "/" in key else ""


def distinct(keys: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(keys))


def _label_folder(key: str) -> str:
    parents = PurePosixPath(key).parent.parts
    return "/".join(part for part in parents if part not in {"..", "/"})


def _join(prefix: str, key: str) -> str:
    return f"{prefix.rstrip('/')}/{key}" if prefix else key
