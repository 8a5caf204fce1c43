"""nginx in front of the server of a test, with its default settings and with those of the README."""

import os
import random
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.processes import ROOT, TIMEOUT_SECONDS

README = (ROOT / "README.md").read_text("utf-8")
#: The address of the server in the README.
README_UPSTREAM = "http://127.0.0.1:8080"
#: Everything that nginx writes is in its own folder, and it has no other configuration.
CONFIGURATION = """\
daemon off;
master_process off;
pid nginx.pid;
error_log error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path temp_body;
    proxy_temp_path temp_proxy;
    fastcgi_temp_path temp_fastcgi;
    uwsgi_temp_path temp_uwsgi;
    scgi_temp_path temp_scgi;
{blocks}
}}
"""


def readme_blocks() -> list[str]:
    """Return the configuration in the README: for `http`, for `server`, and for `server` below a path."""
    blocks = re.findall(r"```nginx\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 3
    return blocks


def with_other_lines(below_path: str) -> str:
    """Add the lines of the README's `server` to that below a path, as it says."""
    lines = readme_blocks()[1].splitlines()[1:-1]
    others = "\n".join(line for line in lines if "proxy_pass" not in line)
    return re.sub(r"(proxy_pass .*;.*\n)", lambda found: f"{found[0]}{others}\n", below_path)


def with_path_removed(below_path: str) -> str:
    """Let the proxy remove the path, as the README's comment says."""
    comment = re.compile(r"(proxy_pass http://127.0.0.1:8080);  # or (http://127.0.0.1:8080/;) .*")
    removed, count = comment.subn(r"proxy_pass \2", below_path)
    assert count == 1
    return removed


def require_nginx() -> str:
    """Return the path of nginx. Without it, skip the test, or fail it if REQUIRE_NGINX is 1."""
    # Debian's package puts it where only the administrator's PATH leads.
    path = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if path:
        return path
    reason = "nginx not found: apt install nginx"
    if os.environ.get("REQUIRE_NGINX") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """Return a free port below those that the system gives to others meanwhile."""
    for port in random.sample(range(10_000, 20_000), 100):
        with suppress(OSError), closing(socket.create_server(("127.0.0.1", port))):
            return port
    raise OSError("no port is free")


@contextmanager
def run_nginx(folder: Path, upstream: int, servers: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Run nginx in a folder with one virtual server for each name; return their origins.

    Each gets its directives; in them README_UPSTREAM becomes the address of the server on the port `upstream`.
    """
    program = require_nginx()
    ports = {name: free_port() for name in servers}
    blocks = [readme_blocks()[0]]
    blocks += [
        f"server {{\nlisten 127.0.0.1:{ports[name]};\n{directives}\n}}"
        for name, directives in servers.items()
    ]
    configuration = CONFIGURATION.format(blocks="\n".join(blocks))
    configuration = configuration.replace(README_UPSTREAM, f"http://127.0.0.1:{upstream}")
    (folder / "nginx.conf").write_text(configuration)
    args = [program, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]
    with subprocess.Popen(args, cwd=folder, stdin=subprocess.DEVNULL) as process:
        try:
            for port in ports.values():
                _wait_until_listening(process, port, folder / "error.log")
            yield {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        finally:
            process.terminate()
            process.wait(TIMEOUT_SECONDS)


def _wait_until_listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.01)
