"""Limits on failures, and limits of use."""

from collections.abc import Iterable
from ipaddress import ip_network

import pytest

from coalserver.core.caller import Caller
from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web import throttling
from coalserver.web.context import AppContext, RequestContext
from coalserver.web.throttling import FailureLimiter, Rate, UseLimit, UseLimiter
from tests.core.stores import Clock
from tests.domain.builders import raises_code


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limited_seconds(failures: FailureLimiter, *names: str) -> int | None:
    """Return for how many seconds the keys are limited, or None."""
    try:
        failures.check(*names)
    except DomainError as error:
        assert error.code is ErrorCode.RATE_LIMITED
        return int(error.details["retry_after"])
    return None


def test_ten_failures_reach_the_limit(clock: Clock) -> None:
    failures = FailureLimiter(clock=clock)
    for _ in range(10):
        assert limited_seconds(failures, "a") is None
        failures.record_failure("a")
    assert limited_seconds(failures, "a") == 60


def test_keys_count_separately_and_any_key_limits(clock: Clock) -> None:
    failures = FailureLimiter(2, clock=clock)
    failures.record_failure("address", "ann")
    failures.record_failure("address", "bob")
    assert limited_seconds(failures, "ann") is limited_seconds(failures, "bob") is None
    assert limited_seconds(failures, "cid", "address") == 60


def test_wait_shrinks_and_ends(clock: Clock) -> None:
    failures = FailureLimiter(1, clock=clock)
    failures.record_failure("a")
    clock.now += 59.5
    assert limited_seconds(failures, "a") == 1
    clock.now += 0.5
    assert limited_seconds(failures, "a") is None


def test_counting_restarts_after_the_window(clock: Clock) -> None:
    failures = FailureLimiter(2, clock=clock)
    failures.record_failure("a")
    failures.record_failure("a")
    clock.now += 60
    failures.record_failure("a")
    assert limited_seconds(failures, "a") is None
    failures.record_failure("a")
    assert limited_seconds(failures, "a") == 60


def test_expired_counts_are_dropped(clock: Clock) -> None:
    failures = FailureLimiter(clock=clock)
    for number in range(100_001):
        failures.record_failure(str(number))
    clock.now += 61
    failures.record_failure("a")
    assert len(failures._counts) <= throttling.MAX_COUNTS


def test_few_counts_are_looked_at_for_each_failure(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "MAX_COUNTS", 100)
    failures = FailureLimiter(clock=clock)
    for number in range(1000):
        clock.now += 0.01
        failures.record_failure(str(number))
    assert len(failures._counts) == 1000, "none has expired"
    clock.now += 55
    failures.record_failure("0")
    clock.now += 60
    before = len(failures._counts)
    failures.record_failure("1")
    assert 0 < before - len(failures._counts) <= throttling.MAX_DELETED_COUNTS


def test_guard_counts_only_the_codes_it_names(clock: Clock) -> None:
    failures = FailureLimiter(2, clock=clock)
    for code in (ErrorCode.WRONG_PASSWORD, ErrorCode.ROOM_FULL, ErrorCode.WRONG_PASSWORD):
        assert limited_seconds(failures, "a") is None
        with raises_code(code), failures.guard("a", on=ErrorCode.WRONG_PASSWORD):
            raise DomainError(code)
    assert limited_seconds(failures, "a") == 60
    with raises_code(ErrorCode.RATE_LIMITED), failures.guard("a", on=ErrorCode.WRONG_PASSWORD):
        pytest.fail("entered at the limit")


def test_guard_without_keys_counts_nothing(clock: Clock) -> None:
    failures = FailureLimiter(1, clock=clock)
    for _ in range(3):
        with (
            raises_code(ErrorCode.WRONG_PASSWORD),
            failures.guard(on=ErrorCode.WRONG_PASSWORD),
        ):
            raise DomainError(ErrorCode.WRONG_PASSWORD)


def test_invalid_credentials_raise_their_error_until_the_limit(clock: Clock) -> None:
    failures = FailureLimiter(1, clock=clock)
    error = DomainError(ErrorCode.INVALID_TOKEN)
    with raises_code(ErrorCode.INVALID_TOKEN):
        failures.record_and_raise("a", error=error)
    with raises_code(ErrorCode.RATE_LIMITED):
        failures.record_and_raise("a", error=error)


class Request:
    """A request as the limits of use see it."""

    def __init__(self, remote: str, **headers: str) -> None:
        self.remote = remote
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def make_context(
    remote: str = "192.0.2.1",
    *,
    player: int = 0,
    proxies: tuple[str, ...] = (),
    **headers: str,
) -> RequestContext:
    """Return the context of a request from an address."""
    ctx = object.__new__(RequestContext)
    ctx._request = Request(remote, **headers)  # type: ignore[assignment]
    ctx.headers = ctx.request.headers
    ctx.caller = Caller(player_id=player)
    trusted = tuple(map(ip_network, proxies))
    ctx.app = AppContext(None, trusted_proxies=trusted)  # type: ignore[arg-type]
    return ctx


def allowed(limiter: UseLimiter, contexts: Iterable[RequestContext]) -> int:
    """Take a token for each context and return how many were allowed."""
    count = 0
    for ctx in contexts:
        try:
            limiter.take(ctx, UseLimit.CHAT)
        except DomainError as error:
            assert error.code is ErrorCode.TOO_MANY_REQUESTS
        else:
            count += 1
    return count


def make_limiter(
    clock: Clock, rate: Rate = Rate(5, burst=20), exempt: tuple[str, ...] = ()
) -> UseLimiter:
    return UseLimiter({UseLimit.CHAT: rate}, map(ip_network, exempt), clock)


def test_bucket_allows_its_burst_then_its_rate(clock: Clock) -> None:
    limiter = make_limiter(clock)
    assert allowed(limiter, [make_context()] * 30) == 20
    clock.now += 1
    assert allowed(limiter, [make_context()] * 30) == 5
    clock.now += 3600
    assert allowed(limiter, [make_context()] * 30) == 20
    assert limiter.refused == {UseLimit.CHAT: 10 + 25 + 10}


def test_refusal_states_whole_seconds_to_wait(clock: Clock) -> None:
    limiter = make_limiter(clock, Rate.hourly(2))
    assert allowed(limiter, [make_context()] * 2) == 2
    with pytest.raises(DomainError) as caught:
        limiter.take(make_context(), UseLimit.CHAT)
    assert caught.value.code is ErrorCode.TOO_MANY_REQUESTS
    assert caught.value.details == {"limit": "chat", "retry_after": 1800}
    clock.now += 1800
    assert allowed(limiter, [make_context()]) == 1


def test_player_is_limited_at_all_addresses_together(clock: Clock) -> None:
    limiter = make_limiter(clock)
    contexts = [make_context(f"192.0.2.{number}", player=7) for number in range(30)]
    assert allowed(limiter, contexts) == 20
    assert allowed(limiter, [make_context("192.0.2.29", player=8)]) == 1


def test_refused_request_takes_no_token_of_the_other_bucket(clock: Clock) -> None:
    limiter = make_limiter(clock)
    assert allowed(limiter, [make_context(player=7)] * 100) == 20
    assert allowed(limiter, [make_context("192.0.2.2", player=8)] * 19) == 19
    assert allowed(limiter, [make_context("192.0.2.2", player=7)] * 5) == 0
    assert allowed(limiter, [make_context("192.0.2.2", player=8)] * 5) == 1


def test_ipv6_addresses_of_one_network_share_a_bucket(clock: Clock) -> None:
    limiter = make_limiter(clock)
    contexts = [make_context(f"2001:db8:1:2::{number:x}") for number in range(30)]
    assert allowed(limiter, contexts) == 20
    assert allowed(limiter, [make_context("2001:db8:1:3::1")]) == 1


def test_exempt_networks_count_in_no_bucket(clock: Clock) -> None:
    limiter = make_limiter(clock, exempt=("127.0.0.0/8", "2001:db8::/32"))
    for address in ("127.0.0.1", "::ffff:127.0.0.1", "2001:db8::1"):
        assert allowed(limiter, [make_context(address, player=7)] * 30) == 30
    assert allowed(limiter, [make_context(player=7)] * 30) == 20


def test_clients_of_a_trusted_proxy_have_buckets_of_their_own(clock: Clock) -> None:
    limiter = make_limiter(clock, exempt=("10.0.0.0/8",))

    def request(client: str) -> RequestContext:
        return make_context("10.0.0.1", proxies=("10.0.0.0/8",), X_Forwarded_For=client)

    assert allowed(limiter, [request("192.0.2.1")] * 30) == 20
    assert allowed(limiter, [request("192.0.2.2")] * 30) == 20
    assert allowed(limiter, [request("10.9.9.9")] * 30) == 30


def test_clients_of_an_unknown_proxy_are_one_address_and_logged_once(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    limiter = make_limiter(clock)
    contexts = [
        make_context("198.51.100.1", X_Forwarded_For=f"192.0.2.{number}") for number in range(30)
    ]
    assert allowed(limiter, contexts) == 20
    (record,) = caplog.records
    assert "198.51.100.1" in record.message and "trusted_proxies" in record.message
    many = [make_context(f"198.51.100.{number}", X_Forwarded_For="x") for number in range(100)]
    allowed(limiter, many)
    assert len(caplog.records) == throttling.MAX_LOGGED_PROXIES


def test_number_of_buckets_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttling, "MAX_BUCKETS", 50)
    limiter = make_limiter(clock)
    for number in range(500):
        allowed(limiter, [make_context(f"2001:db8:0:{number:x}::1", player=number + 1)])
        allowed(limiter, [make_context(player=1000)])
    buckets = limiter._buckets[UseLimit.CHAT]
    sizes = (len(buckets.addresses), len(buckets.players), len(limiter._networks))
    assert sizes == (50, 50, 50)
    # The address in use all the time is still limited.
    assert allowed(limiter, [make_context(player=1000)]) == 0


def test_token_is_given_back(clock: Clock) -> None:
    limiter = make_limiter(clock)
    for _ in range(50):
        limiter.take(make_context(player=7), UseLimit.CHAT)
        limiter.give_back(make_context(player=7), UseLimit.CHAT)
    assert allowed(limiter, [make_context(player=7)] * 30) == 20


def test_rate_of_zero_limits_nothing(clock: Clock) -> None:
    limiter = make_limiter(clock, Rate(0))
    assert allowed(limiter, [make_context()] * 30) == 30
