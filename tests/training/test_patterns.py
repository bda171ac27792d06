"""Drawn textiles: endless, and the same on every machine."""

import numpy as np

from training import patterns


def test_a_seed_draws_the_same_cloth_again_and_another_seed_another() -> None:
    once, again, other = (patterns.variants(seed, 24) for seed in (3, 3, 4))

    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_every_motif_can_be_painted_and_is_no_flat_colour() -> None:
    for motif in range(len(patterns.MOTIFS)):
        draw = np.random.default_rng(motif)
        cloth = patterns.paint(patterns.Pattern(motif, draw.random(8), 0, 4), 32, draw)

        assert cloth.shape == (32, 32, 3)
        assert cloth.std() > 1


def test_all_variants_of_a_pattern_have_one_label() -> None:
    drawn = patterns.catalogue(3, 16, seed=1)

    assert [file.label for file in drawn.files] == [
        f"pattern {i}" for i in range(3) for _ in range(patterns.VARIANTS)
    ]
