"""How bodies come: in chunks, compressed, in parts of a form, many at once."""

import gzip
import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from benchmarks.bodies import shapes
from benchmarks.bodies.client import KIB, MIB, Case
from benchmarks.bodies.stage import Stage


def transports(stage: Stage) -> Iterator[Case]:
    """How bodies come: in chunks, compressed, many at once."""
    path = f"{stage.room}/options"
    auth = f"Authorization: {stage.bearer['Authorization']}\r\n"

    def start(more: str) -> bytes:
        return f"PUT {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n{auth}{more}\r\n".encode()

    chunked = start("Transfer-Encoding: chunked\r\n")
    for shape, chunks in {
        "chunks of a byte": b"1\r\n \r\n" * (64 * KIB) + b"0\r\n\r\n",
        "chunks with extensions": b"1;a=b\r\n \r\n" * (64 * KIB) + b"0\r\n\r\n",
        "chunks of many zeros": b"000000000000001\r\n \r\n" * (64 * KIB) + b"0\r\n\r\n",
        "many trailers": b"0\r\n" + b"a: b\r\n" * (32 * KIB) + b"\r\n",
    }.items():
        yield Case("PUT options", shape, lambda raw=chunked + chunks: stage.target.raw(raw))  # type: ignore[misc]
    get = f"GET /games HTTP/1.1\r\nHost: a\r\n{auth}\r\n".encode()
    yield Case(
        "GET /games", "many requests", lambda: stage.target.raw(get * (256 * KIB // len(get)))
    )
    head = "GET /games HTTP/1.1\r\nHost: a\r\n"
    for shape, line in {
        "short lines": "a:\r\n",
        "equal cookies": "Cookie: a=b\r\n",
        "long lines": f"a: {'b' * 8000}\r\n",
    }.items():
        raw = (head + line * (256 * KIB // len(line)) + "\r\n").encode()
        yield Case("GET /games", f"heads of {shape}", lambda raw=raw: stage.target.raw(raw))  # type: ignore[misc]
    for shape, content in {
        "zeros": bytes(128 * KIB), "spaces": b"{" + b" " * (128 * KIB) + b"}", "a bomb": bytes(64 * MIB),
        "lists": shapes.repeated(b"[]", 128 * KIB),
    }.items():  # fmt: skip
        for encoding, packed in (
            ("gzip", gzip.compress(content)), ("deflate", zlib.compress(content)),
            ("gzip", b"".join(gzip.compress(b"") for _ in range(3000))),
            ("deflate", zlib_blocks(60 * KIB)),
        ):  # fmt: skip
            raw = (
                start(f"Content-Encoding: {encoding}\r\nContent-Length: {len(packed)}\r\n") + packed
            )
            yield Case(
                "PUT options",
                f"{encoding} {len(packed)}: {shape}",
                lambda raw=raw: stage.target.raw(raw),
            )  # type: ignore[misc]


def zlib_blocks(size: int) -> bytes:
    """Return deflated data of many empty blocks."""
    packer = zlib.compressobj()
    blocks = [packer.compress(b"")]
    while sum(map(len, blocks)) < size:
        blocks += [packer.flush(zlib.Z_FULL_FLUSH) for _ in range(1000)]
        if not any(blocks[-1000:]):
            break
    return b"".join(blocks) + packer.flush()


def uploads(stage: Stage) -> Iterator[Case]:
    """Forms with a file, of which only the shape is wrong, and images."""
    multipart = "multipart/form-data; boundary=b"
    world = stage.world.path.rpartition("/")[2]
    part = b'--b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n'
    file = part % (b"file", b'; filename="a.png"')
    csrf = part % (b"csrf_token", b"") + stage.csrf.encode() + b"\r\n"
    end = b"\r\n--b--\r\n"
    contents = {
        "zeros": bytes(MIB),
        "line ends": b"\r\n" * (MIB // 2),
        "line feeds": b"\n" * MIB,
        "dashes": b"\r\n--" * (MIB // 4),
        "boundaries": b"\r\n--bb" * (MIB // 6),
        "carriage returns": b"\r" * MIB,
    }
    bodies = {f"file of {name}": csrf + file + content + end for name, content in contents.items()}
    bodies |= {
        f"field of {name}": csrf
        + part % (b"a", b"")
        + content[: 60 * KIB]
        + b"\r\n"
        + file
        + b"x"
        + end
        for name, content in contents.items()
    }

    def with_headers(headers: bytes, content: bytes = b"") -> bytes:
        return b"%b--b\r\n%b\r\n\r\n%b%b" % (csrf, headers, content, end)

    disposition = b"Content-Disposition: form-data"
    encoded = disposition + b'; name="file"; filename="a"\r\nContent-Transfer-Encoding: '
    numbered = b"".join(b"; a*%d=b" % number for number in range(700))
    bodies |= {
        "many fields": csrf + (part % (b"a", b"") + b"x\r\n") * 1000 + end,
        "many headers": with_headers(b"a: b\r\n" * 10_000),
        "long header": with_headers(b"a: " + b"b" * 60 * KIB),
        "many parameters": with_headers(disposition + b"; a=b" * (7 * KIB // 5)),
        "quotes": with_headers(disposition + b'; name="' + b'\\"' * (7 * KIB // 2) + b'"'),
        "continued parameters": with_headers(disposition + numbered),
        "lines before": b"a\r\n" * (15 * KIB) + csrf + file + b"x" + end,
        "encoded": with_headers(encoded + b"base64", b"QUJD" * (MIB // 4)),
        "quoted-printable": with_headers(encoded + b"quoted-printable", b"=41" * (MIB // 3)),
    }
    pictures = {
        f"picture {name}": csrf + file + content + end for name, content in images().items()
    }
    for path, headers, some in (
        (f"/servers/{world}/screenshots", stage.browser, {**bodies, **pictures}),
        (f"{stage.world.path}/screenshots", stage.user, {**bodies, **pictures}),
        ("/admin/versions/upload", stage.browser, bodies),
        (f"/admin/servers/{world}/saves/upload", stage.browser, bodies),
        ("/admin/backups/upload", stage.browser, bodies),
    ):
        head = {**headers, "Content-Type": multipart}
        for shape, body in some.items():
            yield Case(
                f"POST {path[:40]}",
                shape,
                lambda p=path, h=head, b=body: stage.target.request("POST", p, h, b),
            )  # type: ignore[misc]
    long = {**stage.browser, "Content-Type": f"multipart/form-data; boundary={'b' * 70}"}
    yield Case(
        "POST upload",
        "long boundary",
        lambda: stage.target.request(
            "POST", "/admin/versions/upload", long, b"\r\n--" + b"b" * MIB
        ),
    )


def images() -> dict[str, bytes]:
    """Return pictures that take long to decode, by name."""
    from PIL import Image

    def saved(image: Any, form: str, **more: Any) -> bytes:
        out = io.BytesIO()
        image.save(out, form, **more)
        return out.getvalue()

    noise = Image.effect_noise((1200, 900), 100)
    found = {
        "large": saved(Image.new("RGB", (7000, 7000)), "PNG"), "huge": saved(Image.new("1", (16_000, 16_000)), "PNG"),
        "noise": saved(noise, "PNG"), "palette": saved(noise.convert("P"), "GIF"), "JPEG": saved(noise, "JPEG"),
        "frames": saved(noise.resize((64, 64)), "GIF", save_all=True, append_images=[noise.resize((64, 64))] * 200),
    }  # fmt: skip
    chunk = struct.pack(">I", 3) + b"tEXta\0b" + struct.pack(">I", zlib.crc32(b"tEXta\0b"))
    small = saved(Image.new("RGB", (8, 8)), "PNG")
    found["many chunks"] = small[:33] + chunk * 60_000 + small[33:]
    return found
