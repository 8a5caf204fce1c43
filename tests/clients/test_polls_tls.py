"""Long-polls of many clients through nginx with TLS: the server itself speaks plain HTTP only."""

import asyncio
import datetime
import ipaddress
import re
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.clients.nginx import README_UPSTREAM, free_port, run_nginx
from tests.web.streaming.parking_server import Connection, run_parking_server

CLIENTS, LINES = 20, 5


def write_certificate(folder: Path) -> None:
    """Write a certificate of 127.0.0.1 and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "tls.key").write_bytes(private)


async def test_polls_through_tls_are_parked_and_hear_everything_once(tmp_path: Path) -> None:
    write_certificate(tmp_path)
    port = free_port()
    directives = f"""
listen 127.0.0.1:{port} ssl;
ssl_certificate {tmp_path}/tls.pem;
ssl_certificate_key {tmp_path}/tls.key;
location / {{
    proxy_pass {README_UPSTREAM};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
}}
"""
    context = ssl.create_default_context(cafile=str(tmp_path / "tls.pem"))
    async with run_parking_server() as server:
        with run_nginx(tmp_path, server.port, {"tls": directives}):
            clients = []
            for _ in range(CLIENTS):
                opened = await asyncio.open_connection("127.0.0.1", port, ssl=context)
                clients.append(Connection(*opened))
            cursors = [server.core.feed.head] * CLIENTS
            for number in range(LINES):
                for client, cursor in zip(clients, cursors, strict=True):
                    client.send_poll(server.token, cursor)
                await server.until_parked(CLIENTS)
                await server.send_chat(f"line {number}")
                for index, client in enumerate(clients):
                    status, head, body = await client.read_response()
                    assert status == 200
                    assert re.findall(rb"line \d+", body) == [b"line %d" % number]
                    cursors[index] = int(re.search(rb"X-Event-Cursor: (\d+)", head)[1])
            for client in clients:
                client.writer.close()
