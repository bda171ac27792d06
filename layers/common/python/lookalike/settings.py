"""Every environment variable, once."""

from typing import Literal

from pydantic import SecretStr
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
    qdrant: str = "data/index"  # https://host:6333, or a folder
    qdrant_api_key: SecretStr = SecretStr("")
    qdrant_timeout_seconds: int = 5

    images_url: str = ""  # prefix of links to originals; "" = links signed by the store
    thumbnails_url: str = "/thumbnails"  # prefix of links to thumbnails

    moderation: Literal["off", "rekognition"] = "off"
    candidates_per_result: int = 3  # how far search over-fetches for the ranking to choose from
