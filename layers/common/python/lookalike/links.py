"""Where a browser finds the original and the thumbnail of an image."""

from dataclasses import dataclass

from lookalike.catalogue import IndexedImage
from lookalike.stores import Store


@dataclass(frozen=True, slots=True)
class Links:
    """originals: a prefix, or "" for links signed by the store. thumbnails: a prefix."""

    store: Store
    originals: str
    thumbnails: str

    def original(self, image: IndexedImage) -> str:
        if self.originals:
            return f"{self.originals}/{image.image_id}"
        return self.store.url(image.key)

    def thumbnail(self, image: IndexedImage) -> str:
        """Versioned, so that it can be cached for ever."""
        return f"{self.thumbnails}/{image.image_id}.webp?v={image.sha256[:12]}"
