"""A sample of what scripts/soak does for long: writers of an index are killed at random moments."""

import pytest

from killed_writers import kill_at_random


@pytest.mark.parametrize("seed", [1, 2])
def test_no_kill_loses_doubles_or_halves_a_row(binary, tmp_path, seed):
    keeper = binary.parents[2] / "tests" / "index" / "index_keeper"
    assert kill_at_random(keeper, tmp_path, 20, seed) > 0


def test_no_kill_leaves_half_of_the_links(binary, tmp_path):
    keeper = binary.parents[2] / "tests" / "index" / "index_keeper"
    assert kill_at_random(keeper, tmp_path, 8, seed=3, inputs=6500) > 0
    assert any(path.name.startswith("graph-") for path in (tmp_path / "a.index").iterdir())
