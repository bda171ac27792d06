"""What people said of pictures: folders, tables as spreadsheets write them, sidecars."""

import json
from pathlib import Path

import pytest

from lookalike.calibration import drawn
from training import labels
from training.labels import UnusableLabels
from training.pictures import Labelled


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Five pictures in the folder and in folders of it."""
    names = ["loose.jpg", "shoes/b.jpg", "shoes/a.JPG", "shoes/red/a.png", "hats/größe, 1.jpg"]
    for name, picture in zip(names, drawn(len(names)), strict=True):
        path = tmp_path / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.resize((8, 8)).save(path)
    return tmp_path / "shop"


def names(files: list[Labelled], folder: Path) -> dict[str, str]:
    return {file.path.relative_to(folder).as_posix(): file.label for file in files}


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    file = folder / "labels.csv"
    file.write_bytes(text.encode(encoding))
    return file


def test_a_pictures_label_is_the_folder_it_lies_in(shop: Path) -> None:
    files = labels.from_folders(shop)

    assert list(names(files, shop).items()) == [
        ("hats/größe, 1.jpg", "hats"),
        ("loose.jpg", ""),
        ("shoes/a.JPG", "shoes"),
        ("shoes/b.jpg", "shoes"),
        ("shoes/red/a.png", "shoes/red"),
    ]


def test_what_is_hidden_linked_or_no_picture_is_passed_over(shop: Path, tmp_path: Path) -> None:
    before = labels.from_folders(shop)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for place in (elsewhere / "a.jpg", shop / ".a.jpg", shop / "notes.txt"):
        place.write_bytes((shop / "loose.jpg").read_bytes())
    (shop / ".cache").mkdir()
    (shop / ".cache" / "a.jpg").write_bytes(b"")
    (shop / "folder.jpg").mkdir()
    (shop / "linked").symlink_to(elsewhere)
    (shop / "dangling.jpg").symlink_to(tmp_path / "nowhere.jpg")

    files = labels.from_folders(shop)

    assert files == before


@pytest.mark.parametrize("reader", [labels.from_folders, labels.from_groups])
def test_a_folder_without_pictures_is_named(reader, tmp_path: Path) -> None:
    with pytest.raises(UnusableLabels, match=f"no picture in {tmp_path}"):
        reader(tmp_path)

    with pytest.raises(UnusableLabels, match=r"no folder .*/absent"):
        reader(tmp_path / "absent")


def test_pictures_of_one_group_have_one_label(shop: Path) -> None:
    for name, sidecar in {
        "shoes/a.JPG": json.dumps({"group": "sku-1", "tags": ["red"]}),
        "shoes/red/a.png": json.dumps({"group": "sku-1"}),
        "loose.jpg": "{broken",
    }.items():
        (shop / f"{name}.metadata.json").write_text(sidecar)

    files, problems = labels.from_groups(shop)

    assert [name for name, label in names(files, shop).items() if label == "sku-1"] == [
        "shoes/a.JPG",
        "shoes/red/a.png",
    ]
    assert len(files) == 5
    assert [problem.partition(":")[0] for problem in problems] == ["loose.jpg.metadata.json"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_table_is_read_as_any_spreadsheet_writes_it(
    shop: Path, delimiter: str, encoding: str, newline: str
) -> None:
    lines = ["Path,label,shelf,group", '"hats/größe, 1.jpg",hat,3,ann', "loose.jpg,,4,", ""]
    quoted = [line.replace(",", delimiter) for line in lines]
    quoted[1] = quoted[1].replace(f"größe{delimiter}", "größe,")
    file = table(shop, newline.join(quoted), encoding)

    files, missing = labels.from_csv(file)

    assert files == [
        Labelled(shop / "hats/größe, 1.jpg", "hat", "ann"),
        Labelled(shop / "loose.jpg", "", ""),
    ]
    assert missing == []


def test_pictures_may_lie_elsewhere_than_their_table(shop: Path, tmp_path: Path) -> None:
    absolute = shop / "loose.jpg"
    file = table(tmp_path, f"path,label\nb.jpg,x\n{absolute},y\n../hats/größe, 1.jpg,z")
    file.write_text(file.read_text().replace("../hats/größe, 1.jpg", '"../hats/größe, 1.jpg"'))

    files, missing = labels.from_csv(file, shop / "shoes")

    assert [file.label for file in files] == ["x", "y", "z"]
    assert missing == []


def test_a_split_is_chosen_by_its_name(shop: Path) -> None:
    text = "path,split,label\nloose.jpg,train,a\nshoes/b.jpg,test,b\nshoes/a.JPG,train,c\n"
    file = table(shop, text)

    files, _ = labels.from_csv(file, split="train")
    everything, _ = labels.from_csv(file)

    assert [file.label for file in files] == ["a", "c"]
    assert len(everything) == 3


def test_missing_pictures_are_told_apart_and_only_all_missing_is_an_error(shop: Path) -> None:
    file = table(shop, "path,label\nloose.jpg,a\ngone.jpg,a\nshoes,a\n")
    lost = table(shop.parent, "path,label\ngone.jpg,a\n")

    files, missing = labels.from_csv(file)

    assert [file.path.name for file in files] == ["loose.jpg"]
    assert missing == [str(shop / "gone.jpg"), str(shop / "shoes")]
    with pytest.raises(UnusableLabels, match=r"no picture that exists: there is no .*gone\.jpg"):
        labels.from_csv(lost)


def test_a_picture_named_twice_alike_is_one_picture(shop: Path) -> None:
    file = table(shop, "path,label\nloose.jpg,a\n./loose.jpg,a\n")

    files, _ = labels.from_csv(file)

    assert len(files) == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "first line; found there: none"),
        ("file,class\nloose.jpg,a\n", "needs the columns path and label .*: file, class"),
        ("loose.jpg;a\n", "needs the columns path and label .*: loose.jpg, a"),
        ("path,label\nloose.jpg\n", "Line 2 .* 1 cells for 2 columns"),
        ("path,label\n\nloose.jpg,a,b\n", "Line 3 .* 3 cells for 2 columns"),
        ("path,label\n ,a\n", "Line 2 .* has no path"),
        ('path,label\nloose.jpg,"a\n', "no table after line 1: unexpected end"),
        ("path,label\nloose.jpg,a\nloose.jpg,b\n", "Line 3 .* loose.jpg something else"),
        ("path,label\n", "names no picture that exists"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(shop: Path, text: str, complaint: str) -> None:
    file = table(shop, text)

    with pytest.raises(UnusableLabels, match=complaint):
        labels.from_csv(file)


def test_a_table_in_another_encoding_or_place_is_refused(shop: Path) -> None:
    file = table(shop, "path,label\ngröße.jpg,a\n", "latin-1")

    with pytest.raises(UnusableLabels, match="not UTF-8"):
        labels.from_csv(file)
    with pytest.raises(UnusableLabels, match=r"absent\.csv cannot be read: No such file"):
        labels.from_csv(shop / "absent.csv")


def test_a_split_that_is_not_there_is_refused_with_those_that_are(shop: Path) -> None:
    with_splits = table(shop, "path,label,split\nloose.jpg,a,train\nshoes/b.jpg,a,test\n")
    without = table(shop.parent, "path,label\nshop/loose.jpg,a\n")

    with pytest.raises(UnusableLabels, match="the split val; it has only test, train"):
        labels.from_csv(with_splits, split="val")
    with pytest.raises(UnusableLabels, match="it has no column split"):
        labels.from_csv(without, split="val")


def labelled(*names: str) -> list[Labelled]:
    return [Labelled(Path(f"{i}.jpg"), name) for i, name in enumerate(names)]


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        (labelled(), "needs two at least"),
        (labelled("a"), "needs two at least"),
        (labelled("", ""), "No picture has a label"),
        (labelled("a", "a", "a"), "only by contrast: all 3 pictures have the label a"),
        (labelled("a", "b", ""), "No label has 2 pictures"),
    ],
)
def test_labels_that_teach_nothing_are_refused(files: list[Labelled], complaint: str) -> None:
    with pytest.raises(UnusableLabels, match=complaint):
        labels.checked(files)


def test_two_labels_or_one_among_unlabelled_pictures_are_enough() -> None:
    two, among = labelled("a", "a", "b"), labelled("a", "a", "")

    assert labels.checked(two) == two
    assert labels.checked(among) == among
