"""RetryPolicy and diagnose: what is retried, and when."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilotage.agent.models import RetryPolicy
from pilotage.agent.models.transport.retry import diagnose


def refusal(status: int, **headers: str) -> Exception:
    request = httpx.Request("POST", "http://example.invalid")
    response = httpx.Response(status, headers={name.replace("_", "-"): text for name, text in headers.items()})
    return httpx.HTTPStatusError("refused", request=request, response=response)


@given(failures=st.integers(1, 60))
def test_delays_grow_up_to_a_bound_and_never_vanish(failures):
    policy = RetryPolicy(first_delay=0.5, longest_delay=30)
    assert 0.25 <= policy.delay(failures, None) <= 45
    assert policy.delay(failures, 7.0) == 7.0


@pytest.mark.parametrize(("status", "again"), [(400, False), (401, False), (408, True), (429, True), (502, True)])
def test_status_codes_decide(status, again):
    failure = diagnose(refusal(status))
    assert (failure.status, failure.retryable) == (status, again)


def test_retry_after_may_be_seconds_or_a_date():
    assert diagnose(refusal(429, Retry_After="1.5")).retry_after == 1.5
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    assert 15 < diagnose(refusal(503, Retry_After=soon)).retry_after <= 20
    assert diagnose(refusal(503, Retry_After="soon")).retry_after is None


@pytest.mark.parametrize(
    "text",
    [
        "nan",
        "inf",
        "-inf",
        "1e999",
        "",
        " ",
        "1,5",
        "0x10",
        "Fri, 31 Dec 99999 23:59:59 GMT",
        "Fri, 99 Foo 2030",
        "1 2",
    ],
)
def test_a_retry_after_that_is_no_time_is_none(text):
    assert diagnose(refusal(429, Retry_After=text)).retry_after is None


@given(st.text(alphabet=st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=40))
def test_no_retry_after_makes_reading_fail(text):
    response = httpx.Response(429, headers={"Retry-After": text.encode("latin-1")})
    error = httpx.HTTPStatusError("refused", request=httpx.Request("POST", "http://h.invalid"), response=response)
    waited = diagnose(error).retry_after
    assert waited is None or 0 <= waited < float("inf")


def test_errors_that_are_raised_from_each_other_are_read_to_their_end():
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert diagnose(one) is None


@pytest.mark.parametrize("cause", [ConnectionResetError("reset"), TimeoutError(), httpx.ReadError("dropped")])
def test_a_cause_further_down_counts(cause):
    try:
        raise RuntimeError("wrapped") from cause
    except RuntimeError as error:
        failure = diagnose(error)
    assert (failure.status, failure.retryable) == (None, True)


def test_a_bug_is_no_endpoint_failure():
    assert diagnose(KeyError("choices")) is None
    assert diagnose(ValueError("no")) is None
