"""Hosts and their tokens."""

import hashlib

from coalserver.core.commands.hosts import register_host
from coalserver.domain.play.player import Token

DAY = 86400


def make_host(table):
    """Register a host and return its player id."""
    return table.execute(register_host, game="hosts")[0].id


def find_token(table, secret):
    """Return the stored token of a secret; None if there is none."""
    digest = hashlib.sha256(secret.encode()).hexdigest()
    return table.state.first(Token, "digest", digest)
