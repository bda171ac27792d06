"""Every environment variable, once."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What differs between a laptop, a test and an AWS account.

    Every location follows one rule: a URL is a service, anything else is a folder here.
    """

    model_config = SettingsConfigDict(env_prefix="LOOKALIKE_", frozen=True)

    images: str = "data/images"  # s3://bucket, or a folder
    written: str = (
        ""  # a folder for what the API writes, so that `images` stays untouched; "" = images
    )
    derived: str = "data/derived"  # s3://bucket, or a folder: thumbnails and rejects
    models: str = "data/models"  # s3://bucket, or a folder: encoders and the serving state
    model_cache: str = "/tmp/lookalike-models"  # noqa: S108 — Lambda lets us write nowhere else
    qdrant: str = "data/index"  # https://host:6333, secret://NAME that holds one, or a folder
    qdrant_api_key: SecretStr = SecretStr("")
    qdrant_timeout_seconds: int = 5
    collection_prefix: str = "images-"  # of a server's collections: one for each environment on it
    index_quantisation: Literal["none", "int8"] = "none"  # int8 in memory, floats to rescore
    index_on_disk: bool = False  # whether a server keeps the float vectors out of its memory
    index_shards: int = 1
    index_replicas: int = 1

    signing_keys: str = "data/signing.json"  # secret://NAME, or a file
    interactions: str = "data/interactions"  # firehose://STREAM, or a folder
    reports: str = ""  # athena://WORKGROUP/DATABASE, or a folder; "" = the one of `interactions`
    changes_queue: str = ""  # URL of the SQS queue that embed reads; only reconcile writes to it

    images_url: str = ""  # prefix of links to originals; "" = links signed by the store
    thumbnails_url: str = "/thumbnails"  # prefix of links to thumbnails

    cors_origins: tuple[str, ...] = ()  # pages of others that may call; a JSON list
    metrics_namespace: str = "Lookalike"

    canary_url: str = ""  # where the synthetic query goes: https://host, without /v1
    canary_key_id: str = ""  # API Gateway's id of the key it asks with; "" = it signs as itself

    moderation: Literal["off", "rekognition"] = "off"
    candidates_per_result: int = 3  # how far search over-fetches for the ranking to choose from
    exploration: float = Field(0.2, ge=0, le=1)  # share of answers where chance fills one place
