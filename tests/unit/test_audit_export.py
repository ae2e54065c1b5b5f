"""An export that goes on finds its place in few reads, whatever is missing in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from photogate.audit.export import sealed_rows
from photogate.audit.row import Row
from photogate.audit.seal import Manifest
from photogate.errors import IntegrityError


class Sealed:
    """A log of commits of one to seven rows, all of which have expired; it counts the manifests that are read."""

    def __init__(self, commits: int, missing: int | None = None) -> None:
        self.manifests: dict[int, Manifest] = {}
        self.size = self.reads = 0
        for number in range(1, commits + 1):
            keys = tuple((f"chain-{number}", n) for n in range(number % 7 + 1))
            leaves = tuple(bytes([number % 256]) * 32 for _ in keys)
            if number != missing:
                self.manifests[number] = Manifest(number, self.size, keys, leaves)
            self.size += len(keys)

    def manifest(self, number: int) -> Manifest | None:
        self.reads += 1
        return self.manifests.get(number)

    def rows(self, keys: Sequence[tuple[str, int]]) -> Mapping[tuple[str, int], Row]:
        return {}


@pytest.mark.parametrize("commits", [1, 2, 3, 8, 100])
def test_the_rows_from_any_place_on_are_the_end_of_all_rows(commits: int) -> None:
    log = Sealed(commits)
    whole = list(sealed_rows(log, 0, log.size))
    assert [row.index for row in whole] == list(range(log.size))
    for first in range(log.size + 1):
        assert list(sealed_rows(log, first, log.size)) == whole[first:]


def test_going_on_near_the_end_reads_few_manifests() -> None:
    log = Sealed(5000)
    assert len(list(sealed_rows(log, log.size - 1, log.size))) == 1
    assert log.reads <= 30


def test_an_empty_log_has_no_rows() -> None:
    assert list(sealed_rows(Sealed(0), 0, 0)) == []


@pytest.mark.parametrize("missing", [1, 40, 99, 100])
def test_a_manifest_that_is_missing_is_named(missing: int) -> None:
    log = Sealed(100, missing)
    with pytest.raises(IntegrityError, match=f"manifest {missing} "):
        list(sealed_rows(log, 0, log.size))
