"""Dates: when something was or will be, in the reader's words and zone."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from babel.dates import format_datetime

from coalserver.domain.account import Account
from coalserver.web.languages import Language


class Dates:
    """Writes times for one reader."""

    def __init__(self, language: Language, account: Account | None) -> None:
        self._locale = language.locale
        self._zone = zone_of(account)

    def __call__(self, at: float) -> str:
        """Day and time of day."""
        return format_datetime(self._at(at), "medium", locale=self._locale)

    def exact(self, at: float) -> str:
        """As machines and audits want it."""
        return self._at(at).isoformat(timespec="seconds")

    def _at(self, at: float) -> datetime:
        return datetime.fromtimestamp(at, self._zone)


def zone_of(account: Account | None) -> tzinfo:
    """Where an account says it lives."""
    try:
        return ZoneInfo(account.zone) if account else UTC
    except (KeyError, ValueError, OSError):
        return UTC
