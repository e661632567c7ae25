"""Tokens: issue, expiry, renewal, revocation."""

from __future__ import annotations

from datetime import timedelta

from test_server_fakes import ManualTime

from snowmelt.session.tokens import TokenState, TokenStore


class Speaker:
    """Stands for a session."""


def test_tokens_speak_for_their_executor_only() -> None:
    store: TokenStore[Speaker] = TokenStore(ManualTime())
    one, two = Speaker(), Speaker()
    first, second = store.issue(one), store.issue(two)
    assert store.resolve(first.session_token) is one
    assert store.resolve(second.session_token) is two
    assert store.resolve(first.master_token) is None
    assert store.resolve("") is None
    assert first.session_token not in repr(first)


def test_expired_token_is_renewed_by_its_master() -> None:
    time = ManualTime()
    store: TokenStore[Speaker] = TokenStore(time)
    speaker = Speaker()
    old = store.issue(speaker)
    time.move(timedelta(hours=1, seconds=1))
    assert store.resolve(old.session_token) is None
    assert store.state(old.session_token) is TokenState.EXPIRED
    renewed = store.renew(old.master_token)
    assert renewed is not None and renewed[0] is speaker
    assert store.resolve(renewed[1].session_token) is speaker
    # Another thread of the client may still hold the first master token.
    assert store.renew(old.master_token) is not None


def test_use_prolongs_the_master_token_and_idleness_ends_it() -> None:
    time = ManualTime()
    store: TokenStore[Speaker] = TokenStore(time)
    speaker = Speaker()
    tokens = store.issue(speaker)
    for _ in range(10):
        time.move(timedelta(minutes=59))
        renewed = store.renew(tokens.master_token)
        assert renewed is not None
        tokens = renewed[1]
    assert store.reap() == []
    time.move(timedelta(hours=4))
    assert store.state(tokens.session_token) is TokenState.EXPIRED
    assert store.renew(tokens.master_token) is None
    assert store.reap() == [speaker]
    assert store.reap() == []


def test_revoking_one_executor_leaves_others() -> None:
    store: TokenStore[Speaker] = TokenStore(ManualTime())
    parent, child = Speaker(), Speaker()
    parents, childs = store.issue(parent), store.issue(child)
    store.revoke(child)
    store.revoke(child)
    assert store.resolve(childs.session_token) is None
    assert store.renew(childs.master_token) is None
    assert store.state(childs.session_token) is TokenState.ENDED
    assert store.resolve(parents.session_token) is parent
