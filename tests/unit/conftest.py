"""A second model beside the one that serves."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lookalike import wiring
from lookalike.cards import CARD_NAME, ONNX_NAME, ModelCard
from lookalike.models import SHIPPED
from tests.conftest import World


@pytest.fixture
def next_model(world: World, tmp_path: Path) -> str:
    """The shipped encoder under another version."""
    folder = tmp_path / "next"
    folder.mkdir()
    shutil.copy(SHIPPED / ONNX_NAME, folder / ONNX_NAME)
    card = replace(ModelCard.read(SHIPPED), model="next-1")
    (folder / CARD_NAME).write_text(card.to_json())
    wiring.models().add(folder)
    return card.model
