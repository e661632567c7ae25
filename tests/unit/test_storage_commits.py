"""The last commits in memory say the same as a look at all commits, or nothing."""

from __future__ import annotations

import random

import pytest

from snowmelt.storage.commits import RecentCommits


def _slowly(commits: list[tuple[int, int]], version: int) -> tuple[int | None, list[int]]:
    least = min((tx for tx, ver in commits if ver > version), default=None)
    return least, [] if least is None else [tx for tx, ver in commits if ver <= version and tx > least]


@pytest.mark.parametrize("seed", range(20))
def test_recent_commits_are_all_commits(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snowmelt.storage.commits._KEPT", 8)
    choose = random.Random(seed)
    commits = [(choose.randrange(1, 30), version) for version in range(1, 4)]
    recent = RecentCommits(max(tx for tx, _ in commits), 3)
    answers = 0
    # Transactions commit in another order than they began, some of them much later.
    waiting = list(range(30, 90))
    while waiting:
        commits.append((waiting.pop(choose.randrange(min(4, len(waiting)))), len(commits) + 1))
        recent.add(*commits[-1])
        for version in range(len(commits) + 1):
            found = recent.after(version, len(commits))
            if found is not None:
                answers += 1
                assert found == _slowly(commits, version)
    assert answers > len(commits)


def test_what_is_not_known_is_not_told() -> None:
    recent = RecentCommits(7, 3)
    recent.add(9, 4)
    assert recent.after(2, 4) is None
    assert recent.after(3, 5) is None
    assert recent.after(3, 4) == (9, [])
    recent.add(5, 5)
    assert recent.after(4, 5) is None
