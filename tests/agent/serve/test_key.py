"""What a key is made from: names, namespaces and scopes, and the namespaces of its users."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.agent.errors import UsageError
from pilotage.agent.serve.keys.key import LONGEST, SCOPES, Key, checked_name, checked_namespace, checked_scopes
from pilotage.agent.serve.keys.limits import Limits
from pilotage.common.text import one_line


def key_of(namespace="tenant", per_user=True):
    made = datetime(2026, 1, 1, tzinfo=UTC)
    return Key(
        id="1",
        name="a",
        namespace=namespace,
        scopes=SCOPES,
        learn=True,
        per_user=per_user,
        limits=Limits(),
        created=made,
    )


HOSTILE = ["\x1b[2J", "a\nb", "a\x00b", "a\u202eb", "a\u200bb", "\ud800", "a\x9bb"]


@pytest.mark.parametrize("check", [checked_name, checked_namespace])
@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_text_that_a_terminal_would_obey_is_refused_and_told_printably(check, text):
    with pytest.raises(UsageError, match="not shown as they are") as refused:
        check(text)
    assert one_line(str(refused.value)) == str(refused.value)


@pytest.mark.parametrize("check", [checked_name, checked_namespace])
def test_text_has_a_length_and_no_blanks_around_it(check):
    assert check(f" {'é' * LONGEST} ") == "é" * LONGEST
    with pytest.raises(UsageError, match=f"at most {LONGEST}"):
        check("é" * (LONGEST + 1))
    with pytest.raises(UsageError, match="is empty"):
        check(" \n ")


def test_no_key_has_the_namespace_of_another_ones_user():
    with pytest.raises(UsageError, match="holds a /"):
        checked_namespace(key_of().namespace_for("alice"))


@pytest.mark.parametrize(
    ("scopes", "said"), [([], "opens nothing"), (["chat", "root\x1b"], r"'root\\x1b' is no scope")]
)
def test_scopes_that_are_none_are_refused_with_those_that_there_are(scopes, said):
    with pytest.raises(UsageError, match=f"{said}.*: name some of {', '.join(SCOPES)}") as refused:
        checked_scopes(scopes)
    assert "\x1b" not in str(refused.value)


def test_scopes_are_kept_in_order_and_once():
    assert checked_scopes(["erase", "chat", "erase"]) == ("chat", "erase")


def test_requests_without_a_user_and_keys_without_users_have_the_namespace_of_the_key():
    assert key_of(per_user=False).namespace_for("alice") == "tenant"
    assert key_of().namespace_for(None) == key_of().namespace_for("") == "tenant"
    assert key_of().namespace_for("alice@example.org") == "tenant/alice@example.org"


users = st.one_of(st.text(st.characters(), min_size=1, max_size=8), st.text(min_size=150), st.sampled_from(HOSTILE))


@given(users, users)
def test_users_share_no_namespace_whatever_they_are_called(one, other):
    key = key_of()
    assert (key.namespace_for(one) == key.namespace_for(other)) == (one == other)


@given(users)
def test_the_namespace_of_a_user_is_short_and_printable(user):
    namespace = key_of().namespace_for(user)
    assert len(namespace) < 220 and re.fullmatch(r"tenant/[ -.0-~]+", namespace)


def test_no_user_can_choose_the_namespace_of_one_with_a_long_name():
    long = key_of().namespace_for("x" * 1000)
    assert key_of().namespace_for(long.partition("/")[2]) != long
