"""The fabric catalogue: the demo's pictures and the tests' labels."""

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from local.fabrics import LABELS, PALETTES, draw_catalogue
from local.motifs import MOTIFS
from lookalike.errors import UnreadableImage
from lookalike.images import decode, hash_distance, looks_like_picture, perceptual_hash

COUNT = 2 * len(MOTIFS)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fabrics")
    draw_catalogue(folder, COUNT)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def labels(folder: Path) -> list[dict[str, str]]:
    with (folder / LABELS).open(newline="") as rows:
        return list(csv.DictReader(rows))


def test_the_same_seed_draws_the_same_bytes(catalogue: Path, tmp_path: Path) -> None:
    draw_catalogue(tmp_path, COUNT)

    assert contents(tmp_path) == contents(catalogue)


def test_another_seed_draws_others(catalogue: Path, tmp_path: Path) -> None:
    draw_catalogue(tmp_path, 4, seed=8)

    drawn = {data for key, data in contents(tmp_path).items() if key.endswith(".jpg")}
    assert len(drawn & set(contents(catalogue).values())) <= 2  # the empty file and the text


def test_a_complete_catalogue_is_not_drawn_again(catalogue: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in catalogue.rglob("*")}

    readable = draw_catalogue(catalogue, COUNT)

    assert readable == len(labels(catalogue))
    assert {path: path.stat().st_mtime_ns for path in catalogue.rglob("*")} == before


def test_drawing_with_other_parameters_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "mine.jpg").write_bytes(b"not drawn by us")
    draw_catalogue(tmp_path, 9)
    draw_catalogue(tmp_path, 3)

    fresh = {"mine.jpg", ".fabrics.json", LABELS}
    drawn = json.loads((tmp_path / ".fabrics.json").read_text())["files"]
    assert set(contents(tmp_path)) == fresh | set(drawn)


def test_every_labelled_file_is_a_picture_and_every_other_is_not(catalogue: Path) -> None:
    labelled = {row["key"] for row in labels(catalogue)}
    pictures = {key for key in contents(catalogue) if looks_like_picture(key)}

    assert labelled <= pictures
    for key in labelled:
        decode((catalogue / key).read_bytes())
    reasons = []
    for key in sorted(pictures - labelled):
        with pytest.raises(UnreadableImage) as refusal:
            decode((catalogue / key).read_bytes())
        reasons.append(refusal.value.reason)
    assert sorted(reasons) == ["corrupt", "empty", "unsupported_format", "unsupported_format"]


def test_all_motifs_are_there_in_well_known_palettes(catalogue: Path) -> None:
    drawn = Counter(row["motif"] for row in labels(catalogue))

    assert set(drawn) == set(MOTIFS)
    assert min(drawn.values()) >= 2
    assert {row["palette"] for row in labels(catalogue)} <= set(PALETTES)


def test_near_duplicates_look_alike_and_colourways_share_their_design(catalogue: Path) -> None:
    rows = {row["key"]: row for row in labels(catalogue)}
    copies = [key for key in rows if key.rsplit(".", 1)[0].endswith((" copy", " small"))]

    assert len(copies) >= 2
    for copy in copies:
        original = next(key for key in rows if key[:-4] == copy[:-4].rsplit(" ", 1)[0])
        hashes = [
            perceptual_hash(decode((catalogue / key).read_bytes()).pixels)
            for key in (copy, original)
        ]
        assert (hash_distance(*hashes) or 0) <= 6
        assert rows[copy]["design"] == rows[original]["design"]


def test_sidecars_hold_what_people_say(catalogue: Path) -> None:
    sidecars = {
        key: json.loads(data)
        for key, data in contents(catalogue).items()
        if key.endswith(".metadata.json")
    }

    assert all(len(sidecar["tags"]) == 2 for sidecar in sidecars.values())
    campaigns = [sidecar["sponsored"] for sidecar in sidecars.values() if "sponsored" in sidecar]
    assert len(campaigns) == 2
    assert all(campaign["ends"] is None for campaign in campaigns)
    assert sum(sidecar.get("blocked", False) for sidecar in sidecars.values()) == 1
    assert 0 < sum("group" in sidecar for sidecar in sidecars.values()) < len(sidecars)


def test_one_key_has_a_space_a_plus_and_an_emoji(catalogue: Path) -> None:
    assert any({" ", "+", "🍒"} <= set(row["key"]) for row in labels(catalogue))


def test_a_picture_turned_by_exif_comes_out_upright(catalogue: Path) -> None:
    sideways = decode((catalogue / "odd/sideways.jpg").read_bytes())
    original = decode((catalogue / labels(catalogue)[0]["key"]).read_bytes())

    assert (sideways.width, sideways.height) == (original.width, original.height)
    hashes = [perceptual_hash(picture.pixels) for picture in (sideways, original)]
    assert (hash_distance(*hashes) or 0) <= 4
