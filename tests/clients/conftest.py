"""Fixtures: the ways to the server, directly and through nginx."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apis.app import TestApp
from tests.clients.nginx import README_UPSTREAM, readme_blocks, run_nginx

#: nginx with its default settings, which suffice for everything but WebSockets.
DEFAULTS = f"location / {{ proxy_pass {README_UPSTREAM}; }}"
#: Compresses all that its client accepts compressed.
GZIP = f"""
gzip on;
gzip_types *;
gzip_min_length 0;
{DEFAULTS}
"""


@pytest.fixture
def origins(test_app: TestApp, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The origin of the server on each way to it."""
    servers = {"nginx": DEFAULTS, "gzip": GZIP, "README": readme_blocks()[1]}
    assert test_app.server.port
    with run_nginx(tmp_path, test_app.server.port, servers) as origins:
        yield {"direct": str(test_app.url("/")).rstrip("/"), **origins}
