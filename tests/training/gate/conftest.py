"""A shop of drawn products with held-out clicks, and the gate's own command to judge by."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lookalike.calibration import drawn
from lookalike.cards import ModelCard
from lookalike.models import SHIPPED
from training import gate, verdict
from training.gate import exams, paired, soundness
from training.gate.self_retrieval import views

LIVE = ModelCard.read(SHIPPED).model
KINDS, EACH = 10, 4  # products, and views of each
SIDE = 72
Answer = dict[str, Any]
Judge = Callable[..., Answer]


class Shop:
    """A catalogue of drawn products, seen from several sides; who looks at one clicks the other."""

    def __init__(self, folder: Path) -> None:
        self.pictures, self.clicks, self.models = (
            folder / name for name in ("pictures", "clicks", "models")
        )
        self.models.mkdir(parents=True)
        self.clicks.mkdir()
        keys = [self._product(number, picture) for number, picture in enumerate(drawn(KINDS))]
        self.pairs = [
            {"anchor": anchor, "clicked": clicked, "weight": 1.0, "passed_over": []}
            for sides in keys
            for anchor in sides
            for clicked in sides
            if anchor != clicked
        ]
        self.held_out(self.pairs)

    def _product(self, number: int, picture: Image.Image) -> list[str]:
        keys = [f"{'ab'[number % 2]}/{number:02}-{side}.png" for side in range(EACH)]
        for key, side in zip(keys, views(picture, EACH), strict=True):
            path = self.pictures / key
            path.parent.mkdir(parents=True, exist_ok=True)
            side.resize((SIDE, SIDE)).save(path)
        return keys

    def held_out(self, pairs: list[dict[str, Any]]) -> None:
        lines = "".join(json.dumps(pair) + "\n" for pair in pairs)
        (self.clicks / "held_out.jsonl").write_text(lines)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module", autouse=True)
def _few() -> Iterator[None]:
    """Fewer drawn pictures, and a short look at the clock."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exams, "DRAWN", 8)
        patch.setattr(exams, "ASKED_OF", 10)
        patch.setattr(soundness, "PROBES", 4)
        patch.setattr(paired, "FLIPS", 1999)
        patch.setattr(verdict, "TURNS", 1)
        patch.setattr(verdict, "ROUNDS", 20)
        yield


def arguments(shop: Shop, out: Path, challenger: str, live: str = LIVE) -> list[str]:
    given = {
        "challenger": challenger,
        "live": live,
        "models": shop.models,
        "images": shop.pictures,
        "clicks": shop.clicks,
        "out": out,
    }
    return [str(word) for name, value in given.items() for word in (f"--{name}", value)]


@pytest.fixture
def judge(shop: Shop, tmp_path: Path) -> Iterator[Judge]:
    """The verdict, and by `outcomes` what each check came to. The shop is as it was afterwards."""

    def judged(challenger: str, live: str = LIVE, *further: str) -> Answer:
        code = gate.main([*arguments(shop, tmp_path / "out", challenger, live), *further])
        said: Answer = json.loads((tmp_path / "out/verdict.json").read_text())
        assert code == (0 if said["accepted"] else 4)
        said["outcomes"] = {check["name"]: check["outcome"] for check in said["checks"]}
        return said

    yield judged
    shop.held_out(shop.pairs)
