"""Who decides whether a picture may be shown: nobody, or Amazon Rekognition."""

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Literal, Protocol

from PIL import Image

from lookalike.errors import ModerationUnavailable

if TYPE_CHECKING:
    from botocore.exceptions import ClientError
    from mypy_boto3_rekognition import RekognitionClient
    from mypy_boto3_rekognition.type_defs import ModerationLabelTypeDef

# Top-level categories of moderation model 7 that no shop shows by accident. Left out on purpose:
# "Swimwear or Underwear", "Alcohol", "Drugs & Tobacco", "Gambling" and "Rude Gestures" are goods
# or gestures that ordinary catalogues hold.
BLOCKED_CATEGORIES = frozenset(
    {
        "Explicit",
        "Non-Explicit Nudity of Intimate parts and Kissing",
        "Violence",
        "Visually Disturbing",
        "Hate Symbols",
    }
)
MIN_CONFIDENCE = 60.0  # percent; Rekognition's own default is 50, with more false alarms
MIN_SIDE = 50  # pixels; Rekognition refuses smaller pictures
MAX_REVIEW_SIDE = 1024  # pixels; as much as its models look at, and far below its 5 MB
REVIEW_QUALITY = 90

# Faults of this one picture: asking again changes nothing.
REFUSALS = {
    "InvalidImageFormatException": "moderation cannot read the picture",
    "ImageTooLargeException": "the picture is too large for moderation",
    "InvalidParameterException": "moderation does not take the picture",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """reason: why the status is not visible; empty otherwise."""

    status: Literal["visible", "unsafe", "unmoderated"]
    reason: str = ""


class Moderator(Protocol):
    def review(self, picture: Image.Image) -> Verdict:
        """picture: RGB, upright. Raises ModerationUnavailable, after which a retry may succeed."""


class NoModeration:
    """Everything is visible: the owner of the pictures vouches for them."""

    def review(self, picture: Image.Image) -> Verdict:
        return Verdict("visible")


class Rekognition:
    """Amazon Rekognition's moderation labels. Every review is a paid call; a repeat is harmless."""

    def __init__(
        self,
        client: "RekognitionClient",
        min_confidence: float = MIN_CONFIDENCE,
        blocked: frozenset[str] = BLOCKED_CATEGORIES,
    ) -> None:
        self.client = client
        self.min_confidence = min_confidence
        self.blocked = blocked

    def review(self, picture: Image.Image) -> Verdict:
        from botocore.exceptions import BotoCoreError, ClientError  # 0.1 s that "off" never needs

        try:
            answer = self.client.detect_moderation_labels(
                Image={"Bytes": _jpeg(picture)}, MinConfidence=self.min_confidence
            )
        except ClientError as error:
            return _refusal(error)
        except BotoCoreError as error:  # no connection, timeout, no credentials
            raise ModerationUnavailable(f"Rekognition did not answer: {error}") from error
        return self._judge(answer["ModerationLabels"])

    def _judge(self, labels: "list[ModerationLabelTypeDef]") -> Verdict:
        """A label comes with its parents; one whose parent is blocked counts even without."""
        found: dict[str, float] = {}
        for label in labels:
            for category in {label.get("Name", ""), label.get("ParentName", "")} & self.blocked:
                found[category] = max(found.get(category, 0.0), label.get("Confidence", 0.0))
        reason = ", ".join(f"{category} ({found[category]:.0f} %)" for category in sorted(found))
        return Verdict("unsafe", reason) if found else Verdict("visible")


def _refusal(error: "ClientError") -> Verdict:
    """A fault of the picture is final; throttling, denied access and faults of AWS are not."""
    code = error.response.get("Error", {}).get("Code", "")
    if code in REFUSALS:
        return Verdict("unmoderated", REFUSALS[code])
    raise ModerationUnavailable(f"Rekognition did not answer: {code}") from error


def _jpeg(picture: Image.Image) -> bytes:
    """At most 1,024 pixels a side, so at most 3 MB even of pure noise; without metadata."""
    small = picture.convert("RGB")
    small.thumbnail((MAX_REVIEW_SIDE, MAX_REVIEW_SIDE))
    canvas = Image.new("RGB", (max(MIN_SIDE, small.width), max(MIN_SIDE, small.height)), "white")
    canvas.paste(small)
    file = BytesIO()
    canvas.save(file, "JPEG", quality=REVIEW_QUALITY)
    return file.getvalue()
