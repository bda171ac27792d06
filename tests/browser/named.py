"""A catalogue of naughty names: of files, folders, tags, groups and campaigns."""

import json
import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lookalike.catalogue import image_id_of, sidecar_of
from lookalike.folder import Folder
from tests.browser.naughty import as_key
from tests.conftest import jpeg

NAMES = 320
REJECTED = range(3, NAMES, 5)  # places of those whose file is no picture
BLOCKED = range(1, NAMES, 20)
SPONSORED = range(2, NAMES, 10)
COPIES = range(0, 40, 10)  # are the same picture


@dataclass
class Named:
    """A catalogue of naughty names; by image id, the keys that the API shows."""

    folder: Path
    pictures: dict[str, str] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)
    tags: dict[str, list[str]] = field(default_factory=dict)
    campaigns: dict[str, str] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)

    def fill(self, words: tuple[str, ...]) -> None:
        store = Folder(self.folder)
        for place, text in enumerate(words):
            key = as_key(text)
            if place in REJECTED:
                store.put(key, b"\xff\xd8\xff no picture" + bytes([place % 256]), "image/jpeg")
                self.rejected.add(key)
                continue
            store.put(key, blocks(0 if place in COPIES else place), "image/jpeg")
            self.pictures[image_id_of(key)] = key
            self._describe(store, place, key, words)

    def _describe(self, store: Folder, place: int, key: str, words: tuple[str, ...]) -> None:
        """Every text is a tag of one picture; some are groups, or the campaigns of sponsors."""
        if len(os.fsencode(sidecar_of(key.rpartition("/")[2]))) > 250:
            return  # its sidecar's name would be longer than a folder takes
        said: dict[str, Any] = {"tags": [words[place][:200], words[-place][:200]]}
        said |= {"group": words[place][:200], "blocked": place in BLOCKED}
        if place in SPONSORED:
            said["sponsored"] = {"campaign": words[place][:200]}
            self.campaigns[image_id_of(key)] = words[place][:200]
        store.put(sidecar_of(key), json.dumps(said).encode(), "application/json")
        self.tags[image_id_of(key)] = [each.strip() for each in said["tags"] if each.strip()]
        if place in BLOCKED:
            self.blocked.add(image_id_of(key))

    def visible(self) -> set[str]:
        return self.pictures.keys() - self.blocked


def blocks(seed: int) -> bytes:
    """A picture that looks like no other: 2 × 2 colours drawn by the seed."""
    chance = random.Random(seed)
    colours = [f"#{chance.randrange(1 << 24):06x}" for _ in range(2)]
    return jpeg(colours[0], (48 + seed % 3 * 16, 64), dot=colours[1])
