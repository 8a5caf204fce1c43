"""How often one address may register clients, and guess what it cannot know."""

from coalserver.web.api import AppContext
from coalserver.web.throttling import FailureLimiter


class RegistrationLimiter(FailureLimiter):
    """Anyone may register a client; nobody needs hundreds an hour."""

    def __init__(self, shared: AppContext) -> None:
        super().__init__(max_failures=300, seconds=3600)


class OAuthLimiter(FailureLimiter):
    """Wrong secrets, codes and tokens. They are too long to be guessed: this only keeps the log short."""

    def __init__(self, shared: AppContext) -> None:
        super().__init__(max_failures=120, seconds=60)
