"""Limits on failures, so that nothing can be guessed by trying, and limits of use by token buckets."""

import logging
import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import TYPE_CHECKING, NoReturn

from coalserver.domain.errors import DomainError, ErrorCode
from coalserver.web.addresses import Network, is_in

if TYPE_CHECKING:
    from coalserver.web.context import RequestContext

log = logging.getLogger(__name__)

#: Counts kept before those of past windows are dropped.
MAX_COUNTS = 100_000
MAX_DELETED_COUNTS = 10
#: Buckets kept of each kind, and addresses whose network is remembered: the least recently used are dropped.
MAX_BUCKETS = 32_768
#: Untrusted proxies that are logged, so that clients cannot fill the log with invented headers.
MAX_LOGGED_PROXIES = 10
FORWARDED_HEADER = "X-Forwarded-For"
HOUR = 3600


class FailureLimiter:
    """Counts failures per limit key, such as an address or an e-mail address, in fixed windows.

    Success neither counts nor resets a count.
    """

    def __init__(
        self,
        max_failures: int = 10,
        seconds: float = 60,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_failures = max_failures
        self._seconds = seconds
        self._clock = clock
        #: In the order in which their windows began.
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def check(self, *limit_keys: str) -> None:
        """Raise RATE_LIMITED, with the seconds to wait, if any key has reached its limit."""
        now = self._clock()
        for limit_key in limit_keys:
            count, started_at = self._counts.get(limit_key, (0, now))
            remaining = started_at + self._seconds - now
            if count >= self._max_failures and remaining > 0:
                raise DomainError(ErrorCode.RATE_LIMITED, retry_after=math.ceil(remaining))

    def record_failure(self, *limit_keys: str) -> None:
        """Count one failure for each key."""
        now = self._clock()
        if len(self._counts) > MAX_COUNTS:
            self._delete_expired(now)
        for limit_key in limit_keys:
            count, started_at = self._counts.get(limit_key, (0, now))
            if now - started_at >= self._seconds:
                count, started_at = 0, now
            self._counts[limit_key] = (count + 1, started_at)
            if not count:
                self._counts.move_to_end(limit_key)

    def guard(
        self, *limit_keys: str, on: ErrorCode | tuple[ErrorCode, ...]
    ) -> AbstractContextManager[None]:
        """Return a context that counts a failure if its block raises a DomainError with code `on`.

        Entering raises RATE_LIMITED if any key has reached its limit.
        """
        if not limit_keys:
            return nullcontext()
        return self._guard(limit_keys, on if isinstance(on, tuple) else (on,))

    @contextmanager
    def _guard(self, limit_keys: tuple[str, ...], codes: tuple[ErrorCode, ...]) -> Iterator[None]:
        self.check(*limit_keys)
        try:
            yield
        except DomainError as error:
            if error.code in codes:
                self.record_failure(*limit_keys)
            raise

    def record_and_raise(self, *limit_keys: str, error: DomainError) -> NoReturn:
        """Count one failure for each key and raise the error, or RATE_LIMITED at the limit.

        For credentials sent with every request: a valid one is never limited.
        """
        self.check(*limit_keys)
        self.record_failure(*limit_keys)
        raise error

    def _delete_expired(self, now: float) -> None:
        """Delete a few counts of past windows: more than a failure can add."""
        for _ in range(MAX_DELETED_COUNTS):
            limit_key, (_, started_at) = next(iter(self._counts.items()))
            if now - started_at < self._seconds:
                break
            del self._counts[limit_key]


class UseLimit(StrEnum):
    """What the limits of use count. The values are names in `/health`."""

    CHAT = auto()
    #: Turns, updates, actions and other writes of players.
    MESSAGES = auto()
    GUESTS = auto()
    #: Rooms and lobbies.
    ROOMS = auto()
    PLAYERS = auto()
    HOSTS = auto()
    ACCOUNTS = auto()
    OAUTH_CLIENTS = auto()


@dataclass(frozen=True, slots=True)
class Rate:
    """A number of requests in a number of seconds, and how many may come at once. 0 requests: no limit."""

    count: float
    seconds: float = 1
    burst: float = 0

    @classmethod
    def hourly(cls, count: int) -> "Rate":
        """Return a rate for an hour; all of it may come at once."""
        return cls(count, HOUR, count)


DEFAULT_RATES: Mapping[UseLimit, Rate] = {
    UseLimit.CHAT: Rate(5, burst=20),
    UseLimit.MESSAGES: Rate(50, burst=200),
    UseLimit.GUESTS: Rate.hourly(1000),
    UseLimit.ROOMS: Rate.hourly(1000),
    UseLimit.PLAYERS: Rate.hourly(3000),
    UseLimit.HOSTS: Rate.hourly(1000),
    UseLimit.ACCOUNTS: Rate.hourly(20),
    UseLimit.OAUTH_CLIENTS: Rate.hourly(300),
}


class Buckets:
    """The token buckets of one kind, by address and by player.

    A bucket is one number: the time at which it is full again (the generic cell rate algorithm).
    """

    __slots__ = ("interval", "tolerance", "addresses", "players")

    def __init__(self, rate: Rate) -> None:
        #: Seconds until a used token is back, and seconds that may be missing to a full bucket.
        self.interval = rate.seconds / rate.count
        self.tolerance = (max(rate.burst, 1) - 1) * self.interval
        self.addresses: OrderedDict[str, float] = OrderedDict()
        self.players: OrderedDict[int, float] = OrderedDict()


class UseLimiter:
    """Limits of use: a token bucket for each address and each player, of each kind.

    Behind a trusted proxy the client's address counts, of IPv6 its /64. Requests from exempt networks count in no
    bucket.
    """

    def __init__(
        self,
        rates: Mapping[UseLimit, Rate] = DEFAULT_RATES,
        exempt: Iterable[Network] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._buckets = {kind: Buckets(rate) for kind, rate in rates.items() if rate.count}
        self._exempt = tuple(exempt)
        self._clock = clock
        #: The peers of connections -> their network; empty for exempt ones.
        self._networks: OrderedDict[str | None, str] = OrderedDict()
        self._logged_proxies: set[str] = set()
        #: Refused requests since the start, by kind.
        self.refused: Counter[str] = Counter()

    def take(self, ctx: "RequestContext", kind: UseLimit) -> None:
        """Take a token from the buckets of the caller's address and of the player or account.

        Raises TOO_MANY_REQUESTS, with the seconds to wait, if one of them is empty; then none is taken.
        """
        buckets = self._buckets.get(kind)
        if buckets is None:
            return
        caller = ctx.caller
        network = None if FORWARDED_HEADER in ctx.headers else self._networks.get(ctx.remote)
        if network is None:
            network = self._find_network(ctx)
        if not network:
            return
        now, interval = self._clock(), buckets.interval
        addresses, players = buckets.addresses, buckets.players
        player = caller.player_id or -caller.account_id
        address_full = max(addresses.get(network, now), now)
        player_full = max(players.get(player, now), now) if player else now
        wait = max(address_full, player_full) - now - buckets.tolerance
        # A nanosecond of it is a rounding error of the sums.
        if wait > 1e-9:
            self.refused[kind.value] += 1
            # A bucket that refuses stays: dropping it would fill it.
            if network in addresses:
                addresses.move_to_end(network)
            if player in players:
                players.move_to_end(player)
            raise DomainError(
                ErrorCode.TOO_MANY_REQUESTS, limit=kind.value, retry_after=math.ceil(wait)
            )
        addresses[network] = address_full + interval
        addresses.move_to_end(network)
        if len(addresses) > MAX_BUCKETS:
            addresses.popitem(last=False)
        if player:
            players[player] = player_full + interval
            players.move_to_end(player)
            if len(players) > MAX_BUCKETS:
                players.popitem(last=False)

    def give_back(self, ctx: "RequestContext", kind: UseLimit) -> None:
        """Give back a token that `take` took, for a request that has created nothing."""
        buckets = self._buckets.get(kind)
        network = self._find_network(ctx)
        if buckets is None or not network:
            return
        player = ctx.caller.player_id or -ctx.caller.account_id
        if network in buckets.addresses:
            buckets.addresses[network] -= buckets.interval
        if player in buckets.players:
            buckets.players[player] -= buckets.interval

    def _find_network(self, ctx: "RequestContext") -> str:
        """Return the client's network, or an empty text for an exempt one."""
        forwarded = FORWARDED_HEADER in ctx.headers
        if forwarded and not ctx.is_from_proxy:
            self._log_proxy(ctx.remote or "")
        address = ctx.address
        network = "" if is_in(address, self._exempt) else ctx.network
        if not forwarded:
            self._networks[ctx.remote] = network
            if len(self._networks) > MAX_BUCKETS:
                self._networks.popitem(last=False)
        return network

    def _log_proxy(self, peer: str) -> None:
        """Log, once for each proxy, that all its users count as one address."""
        if peer in self._logged_proxies or len(self._logged_proxies) >= MAX_LOGGED_PROXIES:
            return
        self._logged_proxies.add(peer)
        log.warning(
            "Requests from %s have the header %s, but the setting trusted_proxies does not name that address."
            " If it is a proxy, all its users count as one address.",
            peer or "a Unix socket",
            FORWARDED_HEADER,
        )
