"""Points to put into an index, and an imitation of a server to put them into."""

from dataclasses import replace

from qdrant_client import QdrantClient

from lookalike.catalogue import IndexedImage, image_id_of
from lookalike.qdrant_connection import Connection


def image(
    key: str, uploaded_at: str = "2026-01-01T00:00:00+00:00", **changes: object
) -> IndexedImage:
    known = IndexedImage(
        image_id=image_id_of(key),
        key=key,
        etag="e1",
        sidecar_etag="",
        uploaded_at=uploaded_at,
        indexed_at="2026-01-02T00:00:00+00:00",
        width=640,
        height=480,
        bytes=1000,
        format="JPEG",
        sha256="ab" * 32,
        phash="0123456789abcdef",
        colour="7f8090",
        status="visible",
    )
    return replace(known, **changes)  # type: ignore[arg-type]


class InMemory(Connection):
    """qdrant-client's own imitation of a server."""

    def __init__(self) -> None:
        self.imitation = QdrantClient(location=":memory:")

    def client(self) -> QdrantClient:
        return self.imitation

    def close(self) -> None:
        self.imitation.close()
