"""A report that xdist could not send becomes one that it can."""

from tests.project.parallel import sendable


def test_half_a_surrogate_pair_is_spelled_out():
    assert sendable("a \ud800 b é") == "a \\ud800 b é"
