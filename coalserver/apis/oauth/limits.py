"""How often one address may register clients, and guess what it cannot know."""

from coalserver.web.api import Web
from coalserver.web.throttling import Failures


class Registrations(Failures):
    """Anyone may register a client; nobody needs hundreds an hour."""

    def __init__(self, shared: Web) -> None:
        super().__init__(most=300, seconds=3600)


class Guesses(Failures):
    """Wrong secrets, codes and tokens. They are too long to be guessed: this only keeps the log short."""

    def __init__(self, shared: Web) -> None:
        super().__init__(most=120, seconds=60)
