"""The only module that builds clients and objects; everything else is given what it needs."""

from functools import cache
from pathlib import Path

from lookalike.catalogue import subject_of
from lookalike.curation import Curation
from lookalike.folder import Folder
from lookalike.images import looks_like_picture
from lookalike.index import Index
from lookalike.ingest import Ingest
from lookalike.links import Links
from lookalike.models import ModelStore, Serving
from lookalike.moderation import Moderator, NoModeration
from lookalike.reindex import Reindex
from lookalike.rejects import Rejects
from lookalike.search import Search
from lookalike.settings import Settings
from lookalike.stores import Store

settings = cache(Settings)

BUCKET = "s3://"
S3_TIMEOUT_SECONDS = 5


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
    return Serving(_store(settings().models))


@cache
def index() -> Index:
    location = settings().qdrant
    if location.startswith(("https://", "http://")):
        return _qdrant_server(location)
    from lookalike.edge import QdrantEdge  # the engine itself: only where it is used

    return QdrantEdge(Path(location))


@cache
def moderator() -> Moderator:
    if settings().moderation == "off":
        return NoModeration()
    import boto3

    from lookalike.moderation import Rekognition

    return Rekognition(boto3.client("rekognition"))


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
def search() -> Search:
    return Search(
        image_store(), index(), models(), serving(), links(), settings().candidates_per_result
    )


@cache
def curation() -> Curation:
    return Curation(image_store(), index(), serving(), rejects(), links())


def forget() -> None:
    """Let go of everything built, so that the next call reads the environment anew."""
    if index.cache_info().currsize:
        index().close()
    for built in list(globals().values()):
        if hasattr(built, "cache_clear"):
            built.cache_clear()


def _store(location: str) -> Store:
    return _bucket(location) if location.startswith(BUCKET) else Folder(Path(location))


@cache
def _bucket(location: str) -> Store:
    import boto3
    from botocore.config import Config

    from lookalike.bucket import Bucket

    config = Config(
        connect_timeout=S3_TIMEOUT_SECONDS,
        read_timeout=S3_TIMEOUT_SECONDS,
        retries={"mode": "standard", "max_attempts": 3},
    )
    return Bucket(boto3.client("s3", config=config), location.removeprefix(BUCKET))


def _qdrant_server(url: str) -> Index:
    from qdrant_client import QdrantClient

    from lookalike.qdrant_server import QdrantServer

    key = settings().qdrant_api_key.get_secret_value() or None
    return QdrantServer(
        QdrantClient(url=url, api_key=key, timeout=settings().qdrant_timeout_seconds)
    )
