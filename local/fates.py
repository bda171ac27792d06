"""What became of every picture: indexed, rejected with a reason, or pending."""

from typing import Any

from local.queue import DIED, DeadLetter, Queue
from lookalike import wiring
from lookalike.catalogue import IndexedImage, image_id_of
from lookalike.reconcile import census

# Not reasons to reject a picture in the API's words: the index never got to hear of them.
ENDED_THE_PROCESS = "ended_the_process"
KEPT_FAILING = "kept_failing"


def fates(queue: Queue) -> dict[str, Any]:
    """Every file that looks like a picture by its name is counted in exactly one of the three.

    `pending` includes pictures whose file changed since they were indexed. A picture that was
    given up, because it ended the process or kept failing, is listed as rejected: nothing will
    happen to it until it changes or is redriven.
    """
    state = wiring.serving().read()[0]
    model = state.live
    found = census(wiring.image_store(), wiring.index(), wiring.rejects(), model)
    given_up = [letter for letter in queue.dead_letters() if letter.key in found.pending]
    rejected = [_rejected(key) for key in sorted(found.rejected)]
    rejected += [_given_up(letter) for letter in given_up]
    return {
        "indexed": found.indexed,
        "rejected": rejected,
        "pending": len(found.pending) - len(given_up),
        "model": model,
        "next": state.next,
        "trial": state.as_json().get("trial"),
        "pictures": str(wiring.settings().images),
    }


def _rejected(key: str) -> dict[str, str]:
    reject = wiring.rejects().get(image_id_of(key))
    reason, detail = (reject.reason, reject.detail) if reject else ("corrupt", "")
    return {"key": key, "reason": reason, "detail": detail}


def _given_up(letter: DeadLetter) -> dict[str, str]:
    died = letter.fault == DIED
    reason = ENDED_THE_PROCESS if died else KEPT_FAILING
    detail = f"given up after {letter.receives} attempts; try again: lookalike doctor --redrive"
    return {"key": letter.key, "reason": reason, "detail": detail}


def indexed_image(image_id: str) -> IndexedImage | None:
    return wiring.index().get(wiring.serving().recent().live, image_id)
