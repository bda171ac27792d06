"""Moderation: what Rekognition's labels and faults mean for an image."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError
from botocore.stub import Stubber
from PIL import Image

from lookalike.errors import ModerationUnavailable
from lookalike.moderation import NoModeration, Rekognition, Verdict

PICTURE = Image.new("RGB", (200, 100), "teal")


class Stubbed:
    """Rekognition behind botocore's Stubber; keeps what was sent."""

    def __init__(self) -> None:
        self.client = boto3.client(
            "rekognition",
            region_name="eu-central-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}),
        )
        self.sent: list[dict[str, Any]] = []
        events = self.client.meta.events
        events.register("provide-client-params.rekognition", self._keep)
        self.stubber = Stubber(self.client)
        self.moderator = Rekognition(self.client)

    def _keep(self, params: dict[str, Any], **_: Any) -> None:
        self.sent.append(params)

    def answers(self, *labels: tuple[str, str, float]) -> None:
        rows = [
            {"Name": name, "ParentName": parent, "Confidence": confidence}
            for name, parent, confidence in labels
        ]
        response = {"ModerationLabels": rows, "ModerationModelVersion": "7.0"}
        self.stubber.add_response("detect_moderation_labels", response)

    def fails(self, code: str, status: int) -> None:
        self.stubber.add_client_error("detect_moderation_labels", code, http_status_code=status)

    def sent_picture(self) -> Image.Image:
        return Image.open(BytesIO(self.sent[0]["Image"]["Bytes"]))


@pytest.fixture
def rekognition() -> Iterator[Stubbed]:
    stubbed = Stubbed()
    with stubbed.stubber:
        yield stubbed


def test_without_moderation_everything_is_visible() -> None:
    assert NoModeration().review(PICTURE) == Verdict("visible")


def test_a_picture_without_labels_is_visible(rekognition: Stubbed) -> None:
    rekognition.answers()

    assert rekognition.moderator.review(PICTURE) == Verdict("visible")


def test_a_blocked_category_makes_it_unsafe_and_says_which(rekognition: Stubbed) -> None:
    rekognition.answers(
        ("Graphic Violence", "Violence", 91.2), ("Violence", "", 91.2), ("Alcohol", "", 70.0)
    )

    assert rekognition.moderator.review(PICTURE) == Verdict("unsafe", "Violence (91 %)")


def test_goods_that_shops_sell_stay_visible(rekognition: Stubbed) -> None:
    rekognition.answers(("Swimwear or Underwear", "", 99.0), ("Alcohol", "", 88.0))

    assert rekognition.moderator.review(PICTURE).status == "visible"


def test_it_sends_a_small_jpeg_without_metadata(rekognition: Stubbed) -> None:
    rekognition.answers()
    large = Image.effect_noise((4000, 3000), 90).convert("RGB")
    large.info["exif"] = b"Exif\0\0secret"

    rekognition.moderator.review(large)

    assert len(rekognition.sent[0]["Image"]["Bytes"]) < 5_000_000
    assert rekognition.sent_picture().format == "JPEG"
    assert max(rekognition.sent_picture().size) == 1024
    assert not rekognition.sent_picture().getexif()


@pytest.mark.parametrize("size", [(1, 1), (20_000, 1)])
def test_it_sends_no_side_below_what_rekognition_takes(
    rekognition: Stubbed, size: tuple[int, int]
) -> None:
    rekognition.answers()

    rekognition.moderator.review(Image.new("RGB", size))

    assert min(rekognition.sent_picture().size) >= 50


@pytest.mark.parametrize("code", ["InvalidImageFormatException", "ImageTooLargeException"])
def test_a_picture_that_cannot_be_reviewed_is_not_shown(rekognition: Stubbed, code: str) -> None:
    rekognition.fails(code, 400)

    verdict = rekognition.moderator.review(PICTURE)

    assert verdict.status == "unmoderated"
    assert verdict.reason


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ThrottlingException", 400),
        ("ProvisionedThroughputExceededException", 400),
        ("InternalServerError", 500),
        ("AccessDeniedException", 400),
    ],
)
def test_a_fault_that_is_not_the_pictures_may_be_retried(
    rekognition: Stubbed, code: str, status: int
) -> None:
    rekognition.fails(code, status)

    with pytest.raises(ModerationUnavailable, match=code):
        rekognition.moderator.review(PICTURE)


def test_no_connection_may_be_retried() -> None:
    stubbed = Stubbed()

    def refuse(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://rekognition")

    stubbed.client.meta.events.register("before-send.rekognition", refuse)

    with pytest.raises(ModerationUnavailable):
        stubbed.moderator.review(PICTURE)
