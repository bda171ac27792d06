"""Every number that ranking depends on, with its reason."""

from dataclasses import dataclass

from lookalike.duplicates import Likeness


@dataclass(frozen=True, slots=True)
class Policy:
    """Every number that ranking depends on, under one name that the interaction log records.

    exploration: share of answers in which chance fills one place; 0 leaves nothing to it.
    """

    version: str = "baseline-1"
    exploration: float = 0.0
    # The model card's calibrated thresholds replace these two.
    duplicate: float = 0.98
    floor: float = 0.0
    # Measured: of 10.6 million pairs among 3,878 and among 2,485 photos these three take 13, all
    # but one of them the same thing shot again. Together with `duplicate` they find 98 % of copies
    # recompressed, 91 % of copies at half the size, 53 % of copies that lost 2 % at every edge.
    hash_bits: int = 4
    colour: float = 6.0
    hash_cosine: float = 0.9
    # Cosines differ in the second decimal between near neighbours. A picture that everybody clicks
    # may pass one that is this much more alike, and never one that is more than this more alike.
    popularity: float = 0.03
    # Maximal marginal relevance: at 0.95 a result gives up 0.005 of similarity for each 0.1 that
    # its rival is less like what is shown already: variety among equals, not for its own sake.
    # Measured on shop photos and drawn fabrics: it costs 0.1 to 0.3 points of precision at 8.
    diversity: float = 0.95
    # At most one paid result in eight: in the middle of the row of a wide screen, never the first.
    sponsored_every: int = 8
    sponsored_position: int = 4
    # A paid result is at least half as good as the best one, counted from the floor: a share and
    # not a cosine, because every model spreads its cosines differently.
    sponsored_share: float = 0.5
    # Chance leaves a page alone that is less than the row of a wide screen: whoever asks for the
    # three most alike wants those, and so few places tell little.
    explored_page: int = 8

    @property
    def name(self) -> str:
        """Each share of exploration is another policy: with it goes the meaning of a propensity."""
        return f"{self.version}-explore-{self.exploration:g}" if self.exploration else self.version

    @property
    def likeness(self) -> Likeness:
        return Likeness(self.duplicate, self.hash_bits, self.colour, self.hash_cosine)
