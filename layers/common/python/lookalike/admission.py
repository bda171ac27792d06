"""What may be asked of a trial, and what stands in its way, in words."""

from lookalike.errors import InvalidRequest
from lookalike.models import ServingState, Trial


def wanted(state: ServingState, model: str, share: float | None) -> Trial | None:
    """The trial to write down; a repeat leaves the one that runs as it is."""
    if share is None:
        return None
    same = state.next == model and state.trial and state.trial.share == checked_share(share)
    return state.trial if same else Trial(checked_share(share))


def checked_share(share: object) -> float:
    """Raises InvalidRequest for what gives one of the two models no session."""
    if isinstance(share, (int, float)) and 0 < share < 1:  # NaN is not
        return float(share)
    raise InvalidRequest("/share", f"{share!r} is not a number between 0 and 1")


def occupied(state: ServingState) -> str:
    """Why nobody else can be next now."""
    if state.trial:
        return f"{state.next} is on trial; promote it or stop its trial first."
    return f"{state.next} is being filled; wait for it."


def hint(state: ServingState) -> str:
    return f" {state.next} is on trial; to end that, stop the trial." if state.trial else ""
