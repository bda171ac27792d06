"""The only module that builds objects; everything else is given what it needs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from snapshot_restore_py import register_after_restore

from lookalike import clients
from lookalike.catalogue import subject_of
from lookalike.clients import SECRET, ages, aws, renew, secret
from lookalike.curation import Curation
from lookalike.deadline import while_starting
from lookalike.deployment import Deployment
from lookalike.duckdb_log import DuckDBLog
from lookalike.folder import Folder
from lookalike.images import looks_like_picture
from lookalike.index import Index
from lookalike.ingest import Ingest
from lookalike.interaction_log import FolderLog, InteractionLog
from lookalike.interactions import Interactions
from lookalike.learning import Learning
from lookalike.links import Links
from lookalike.models import ModelStore, Serving
from lookalike.moderation import Moderator, NoModeration
from lookalike.naming import Naming
from lookalike.reconcile import Reconcile
from lookalike.reindex import Reindex
from lookalike.rejects import Rejects
from lookalike.reports import Reports
from lookalike.search import Search
from lookalike.settings import Settings
from lookalike.signing import SHAPE, Keyring, SigningFile, SigningKeys
from lookalike.stores import Store

if TYPE_CHECKING:
    from lookalike.canary import Canary

settings = cache(Settings)

BUCKET = "s3://"
FIREHOSE = "firehose://"
ATHENA = "athena://"


@cache
def image_store() -> Store:
    location = settings().images
    if location.startswith(BUCKET):
        return _bucket(location)
    written = Path(settings().written) if settings().written else None
    return Folder(Path(location), written, accepts=lambda key: looks_like_picture(subject_of(key)))


@cache
def derived_store() -> Store:
    return _store(settings().derived)


@cache
def models() -> ModelStore:
    location = settings().models
    cache_folder = settings().model_cache if location.startswith(BUCKET) else location
    return ModelStore(_store(location), Path(cache_folder))


@cache
def serving() -> Serving:
    made = Serving(_store(settings().models))
    ages(made.forget)
    return made


@cache
def index() -> Index:
    location = settings().qdrant
    if location.startswith(("https://", "http://", SECRET)):
        return _qdrant_server(location)
    from lookalike.edge import QdrantEdge  # the engine itself: only where it is used

    return QdrantEdge(Path(location))


@cache
def moderator() -> Moderator:
    if settings().moderation == "off":
        return NoModeration()
    from lookalike.moderation import Rekognition

    return Rekognition(aws("rekognition"))


@cache
def links() -> Links:
    return Links(image_store(), settings().images_url, settings().thumbnails_url)


@cache
def rejects() -> Rejects:
    return Rejects(derived_store())


@cache
def ingest() -> Ingest:
    return Ingest(image_store(), index(), models(), serving(), moderator(), derived_store())


@cache
def reindex() -> Reindex:
    return Reindex(image_store(), index(), models(), serving(), ingest())


@cache
def learning() -> Learning:
    return Learning(reindex(), models(), serving(), ingest(), locate)


@cache
def deployment() -> Deployment:
    return Deployment(index(), models(), serving(), settings().qdrant)


@cache
def reconcile() -> Reconcile:
    from lookalike.changes_queue import ChangesQueue

    bucket = settings().images.removeprefix(BUCKET)
    queue = ChangesQueue(aws("sqs"), settings().changes_queue, bucket)
    return Reconcile(image_store(), index(), rejects(), serving(), queue)


@cache
def search() -> Search:
    found, drawn = settings().candidates_per_result, settings().exploration
    return Search(image_store(), index(), models(), serving(), links(), naming(), found, drawn)


@cache
def naming() -> Naming:
    keys = SigningKeys(_keyring(settings().signing_keys))
    ages(keys.expire)
    return Naming(keys)


@cache
def interactions() -> Interactions:
    return Interactions(naming(), _interaction_log(settings().interactions))


@cache
def reports() -> Reports:
    location = settings().reports or settings().interactions
    if not location.startswith(ATHENA):
        return Reports(DuckDBLog(Path(location)), index(), serving())
    from lookalike.athena import Athena

    workgroup, _, database = location.removeprefix(ATHENA).partition("/")
    return Reports(Athena(aws("athena"), workgroup, database), index(), serving())


@cache
def curation() -> Curation:
    return Curation(image_store(), index(), serving(), rejects(), links())


@cache
def canary() -> Canary:
    import boto3

    from lookalike.canary import ApiKey, Canary, Signature

    key_id = settings().canary_key_id
    entry = ApiKey(aws("apigateway"), key_id) if key_id else Signature(boto3.Session())
    return Canary(settings().canary_url, entry)


register_after_restore(renew)


def forget() -> None:
    """Let go of everything built, so that the next call reads the environment anew."""
    if index.cache_info().currsize:
        index().close()
    clients.forget()
    for built in list(globals().values()):
        if hasattr(built, "cache_clear"):
            built.cache_clear()


def locate(location: str) -> tuple[Store, str]:
    """The store that holds one object, and its key there: s3://bucket/key, or a file."""
    if location.startswith(BUCKET):
        bucket, _, key = location.removeprefix(BUCKET).partition("/")
        return _bucket(BUCKET + bucket), key
    return Folder(Path(location).parent), Path(location).name


def _store(location: str) -> Store:
    return _bucket(location) if location.startswith(BUCKET) else Folder(Path(location))


@cache
def _bucket(location: str) -> Store:
    from lookalike.bucket import Bucket

    return Bucket(aws("s3"), location.removeprefix(BUCKET))


def _keyring(location: str) -> Callable[[], Keyring]:
    if not location.startswith(SECRET):
        return SigningFile(Path(location)).read
    kept = secret(location, SHAPE, Keyring.of)

    def read() -> Keyring:
        kept.expire()  # SigningKeys knows for how long keys are good, also in times of trouble
        return kept.read()

    return read


def _interaction_log(location: str) -> InteractionLog:
    if not location.startswith(FIREHOSE):
        return FolderLog(Path(location))
    from lookalike.firehose import Firehose

    return Firehose(aws("firehose"), location.removeprefix(FIREHOSE))


def _qdrant_server(location: str) -> Index:
    from lookalike.qdrant_collection import Layout
    from lookalike.qdrant_connection import SHAPE as ADDRESS_SHAPE
    from lookalike.qdrant_connection import Address, Connection
    from lookalike.qdrant_server import QdrantServer

    if location.startswith(SECRET):
        address = secret(location, ADDRESS_SHAPE, Address.from_secret).read
    else:
        here = Address(location, settings().qdrant_api_key.get_secret_value())
        address = lambda: here  # noqa: E731

    s = settings()
    layout = Layout(s.index_quantisation, s.index_on_disk, s.index_shards, s.index_replicas)
    connection = Connection(address, s.qdrant_timeout_seconds)
    with while_starting():
        connection.client()  # built while the container starts, so that no request waits for it
    return QdrantServer(connection, s.collection_prefix, layout)
