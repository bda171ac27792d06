"""What a fresh deployment needs before it can answer: a model that serves, and its collection."""

from contextlib import suppress
from pathlib import Path

from lookalike.errors import IndexUnavailable
from lookalike.index import Index
from lookalike.models import SHIPPED, ModelStore, Serving
from lookalike.stores import PreconditionFailed


class Deployment:
    """Everything here is harmless to repeat: each upgrade of a stack does.

    qdrant: where the vector database is said to be; only for telling a person what to mend.
    """

    def __init__(
        self,
        index: Index,
        models: ModelStore,
        serving: Serving,
        qdrant: str,
        shipped: Path = SHIPPED,
    ) -> None:
        self.index = index
        self.models = models
        self.serving = serving
        self.qdrant = qdrant
        self.shipped = shipped

    def prepare(self) -> str:
        """Add the encoder that ships, and open the collection of whoever serves; returns who does.

        Where a model serves already, the shipped one only stands ready to be promoted.
        Raises IndexUnavailable with what to mend.
        """
        card = self.models.add(self.shipped)
        with suppress(PreconditionFailed):
            self.serving.start(card.model)
        state, _ = self.serving.read()
        try:
            for model in state.models():
                self.index.open(model, self.models.encoder(model).card.dimension)
        except IndexUnavailable as error:
            raise IndexUnavailable(
                f"The vector database cannot be used; look at its URL and key in {self.qdrant}, "
                f"and whether it can be reached from here: {_first_line(error)}"
            ) from error
        return state.live

    def remove(self) -> tuple[str, ...]:
        """Drop our collections, whoever serves; returns their models. The pictures stay."""
        models = tuple(self.index.models())
        for model in models:
            self.index.drop(model)
        return models


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
