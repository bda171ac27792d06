"""What `docker build` sees of the repository, and when CDK has it build the image anew."""

import re
import shutil
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ecr_assets

from infra import bundling


class Image:
    """What CDK would send to `docker build`, and the hash that it names it by."""

    def __init__(self, root: Path, out: Path) -> None:
        app = cdk.App(outdir=str(out))
        asset = aws_ecr_assets.DockerImageAsset(
            cdk.Stack(app, "Stack"),
            "Image",
            directory=str(root),
            file=bundling.IMAGE_FILE,
            exclude=bundling.IMAGE_CONTEXT_EXCLUDES,
            ignore_mode=cdk.IgnoreMode.DOCKER,
        )
        self.hash = asset.asset_hash
        app.synth()
        (staged,) = out.glob("asset.*")
        self.files = {
            file.relative_to(staged).as_posix() for file in staged.rglob("*") if file.is_file()
        }


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of the repository as tells what is sent from what is not."""
    for part in ("functions", "layers", "docs"):
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(bundling.ROOT / part, tmp_path / "checkout" / part, ignore=skip)
    return tmp_path / "checkout"


CHANGES = {
    "layers/common/python/lookalike/search.py": True,
    "layers/common/requirements.lock": True,
    "functions/__init__.py": True,
    "functions/embed/handler.py": True,
    "functions/embed/Dockerfile": True,
    "functions/search/handler.py": False,
    "docs/benchmarks.md": False,
    "pyproject.toml": False,
}


@pytest.mark.parametrize(("changed", "matters"), CHANGES.items(), ids=list(CHANGES))
def test_the_image_is_built_anew_when_something_in_it_changes(
    checkout: Path, tmp_path: Path, changed: str, matters: bool
) -> None:
    before = Image(checkout, tmp_path / "before").hash

    with (checkout / changed).open("a") as file:
        file.write("\n# changed\n")

    assert (Image(checkout, tmp_path / "after").hash != before) == matters


def test_the_images_build_sees_what_it_copies_and_no_more(checkout: Path, tmp_path: Path) -> None:
    (checkout / "functions/embed/__pycache__").mkdir()
    (checkout / "functions/embed/__pycache__/handler.cpython-311.pyc").touch()

    sent = Image(checkout, tmp_path / "out").files

    copies = re.findall(
        r"^COPY (?!--from)(\S+)", (checkout / bundling.IMAGE_FILE).read_text(), re.M
    )
    copied = {
        file.relative_to(checkout).as_posix()
        for pattern in copies
        for found in checkout.glob(pattern)
        for file in ([found] if found.is_file() else found.rglob("*.*"))
        if "__pycache__" not in file.parts
    }
    assert sent == copied | {bundling.IMAGE_FILE}
