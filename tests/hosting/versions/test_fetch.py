"""Fetching jars: limits, hashes, redirects, and addresses that are not public."""

import asyncio
import gzip
import hashlib
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from coalserver.hosting.versions.errors import VersionError, VersionErrorCode
from coalserver.hosting.versions.fetch import Document, Source
from coalserver.hosting.versions.jars import Expected
from tests.hosting.versions.jar_files import make_jar
from tests.hosting.versions.stand_in import StubResolver, make_fetcher

JAR = make_jar(files={"data": bytes(range(256)) * 2000})
NOT_FETCHED, CHECKSUM, BAD_JAR = (
    VersionErrorCode.NOT_FETCHED,
    VersionErrorCode.CHECKSUM,
    VersionErrorCode.BAD_JAR,
)


@asynccontextmanager
async def raw_server(answer):
    """Run a server whose connections are answered by a coroutine of (reader, writer); yields its URL."""

    async def handle(reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/server.jar"


def names(store):
    return sorted(path.name for path in store.folder.iterdir()) if store.folder.exists() else []


async def fails(store, url, expected=Expected(), fetcher=None, **limits):
    """Fetch, and return code and reason of the failure. Nothing is kept."""
    with pytest.raises(VersionError) as caught:
        await (fetcher or make_fetcher(**limits)).fetch(Source(url, expected), store)
    assert names(store) == []
    return caught.value.code, caught.value.reason


async def test_jar_is_fetched_and_checked(stand_in, store):
    stand_in.pages["/a.jar"] = JAR
    sha256 = hashlib.sha256(JAR).hexdigest()
    expected = Expected(len(JAR), hashlib.sha1(JAR).hexdigest(), sha256)
    percents = []
    jar = await make_fetcher().fetch(
        Source(f"{stand_in.url}/a.jar", expected), store, percents.append
    )
    assert jar.path.read_bytes() == JAR
    assert names(store) == [f"{sha256}.jar"]
    assert percents[0] == 0 and percents[-1] == 100
    assert percents == sorted(set(percents))
    assert stand_in.headers[0]["User-Agent"].startswith("coalserver/")
    assert "Cookie" not in stand_in.headers[0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429, 500, 503, 300, 304])
async def test_error_status_is_named(stand_in, store, status):
    stand_in.pages["/a.jar"] = lambda request: web.Response(status=status)
    failure = await fails(store, f"{stand_in.url}/a.jar")
    assert failure == (NOT_FETCHED, f"Error ({status}) fetching URL")


@pytest.mark.parametrize(
    "expected",
    [
        Expected(sha1="0" * 40),
        Expected(sha256="0" * 64),
        Expected(size=len(JAR) + 1),
        Expected(size=len(JAR) - 1),
    ],
)
async def test_other_file_than_the_published_one_is_refused(stand_in, store, expected):
    stand_in.pages["/a.jar"] = JAR
    code, _ = await fails(store, f"{stand_in.url}/a.jar", expected)
    assert code is CHECKSUM


async def test_page_instead_of_a_jar_is_refused(stand_in, store):
    stand_in.pages["/a.jar"] = lambda request: web.Response(
        text="<html></html>", content_type="text/html"
    )
    failure = await fails(store, f"{stand_in.url}/a.jar")
    assert failure == (BAD_JAR, "the address leads to a web page, not to a jar")


async def test_text_instead_of_a_jar_is_refused(stand_in, store):
    stand_in.pages["/a.jar"] = b"no jar"
    assert (await fails(store, f"{stand_in.url}/a.jar"))[0] is BAD_JAR


async def test_empty_file_is_refused(stand_in, store):
    stand_in.pages["/a.jar"] = b""
    assert (await fails(store, f"{stand_in.url}/a.jar"))[0] is BAD_JAR


async def test_cut_connection_leaves_nothing(store):
    async def cut(writer):
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(JAR)}\r\n\r\n"
        writer.write(head.encode() + JAR[:1000])

    async with raw_server(cut) as url:
        assert await fails(store, url) == (NOT_FETCHED, "the connection was cut")


async def test_cut_without_a_length_is_noticed(store):
    async def cut(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + JAR[:1000])

    async with raw_server(cut) as url:
        assert (await fails(store, url))[0] is BAD_JAR
        failure = await fails(store, url, Expected(size=len(JAR)))
        assert failure == (NOT_FETCHED, f"only 1000 of {len(JAR)} bytes arrived")


async def test_cut_chunks_are_noticed(store):
    async def cut(writer):
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head + b"3e8\r\n" + JAR[:1000] + b"\r\n")

    async with raw_server(cut) as url:
        assert await fails(store, url) == (NOT_FETCHED, "the connection was cut")


async def test_jar_without_a_length_is_fetched(store):
    async def whole(writer):
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + JAR)

    percents = []
    async with raw_server(whole) as url:
        jar = await make_fetcher().fetch(Source(url), store, percents.append)
    assert jar.size == len(JAR)
    assert percents == [0, 100]


async def test_wrong_length_is_noticed(store):
    async def longer(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + JAR)

    async with raw_server(longer) as url:
        # The rest does not belong to the response, or it is not valid HTTP.
        assert (await fails(store, url))[0] in (BAD_JAR, NOT_FETCHED)


async def test_endless_file_ends_at_the_limit(store):
    async def endless(writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            await writer.drain()

    async with raw_server(endless) as url:
        failure = await fails(store, url, jar_bytes=3 << 20)
        assert failure == (NOT_FETCHED, "the file is larger than 3 MiB")
        failure = await fails(store, url, Expected(size=100_000), jar_bytes=3 << 20)
        assert failure == (CHECKSUM, "it has more than the published 100000 bytes")


async def test_announced_size_above_the_limit_is_refused_at_once(store):
    sent = []

    async def large(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n")
        await writer.drain()
        sent.append("head")

    async with raw_server(large) as url:
        failure = await fails(store, url, jar_bytes=3 << 20)
        assert failure == (NOT_FETCHED, "the file is larger than 3 MiB")


async def silence(writer):
    await writer.drain()
    await asyncio.Event().wait()


async def silence_after_a_piece(writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + JAR[:1000])
    await silence(writer)


@pytest.mark.parametrize("answer", [silence, silence_after_a_piece])
async def test_silent_server_is_given_up(store, answer):
    async with raw_server(answer) as url:
        failure = await fails(store, url, idle_seconds=0.1)
        assert failure == (NOT_FETCHED, "no byte arrived for 0.1 seconds")


async def test_slow_server_is_given_up_in_the_end(store):
    async def slow(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b"P")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with raw_server(slow) as url:
        failure = await fails(store, url, idle_seconds=10, total_seconds=0.5)
        assert failure == (NOT_FETCHED, "it took more than 0.5 seconds")


async def test_other_protocol_is_refused(store):
    async def greeting(writer):
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")

    async with raw_server(greeting) as url:
        assert await fails(store, url) == (NOT_FETCHED, "the response is not valid HTTP")


async def test_closed_port_is_named(store, unused_tcp_port):
    failure = await fails(store, f"http://127.0.0.1:{unused_tcp_port}/a.jar")
    assert failure == (NOT_FETCHED, "no connection to 127.0.0.1")


async def test_encoded_jar_is_decoded(stand_in, store):
    body = gzip.compress(JAR)
    stand_in.pages["/a.jar"] = lambda request: web.Response(
        body=body, headers={"Content-Encoding": "gzip"}
    )
    percents = []
    source = Source(f"{stand_in.url}/a.jar", Expected(size=len(JAR)))
    jar = await make_fetcher().fetch(source, store, percents.append)
    assert jar.sha256 == hashlib.sha256(JAR).hexdigest()
    assert percents[-1] == 100
    assert stand_in.headers[0]["Accept-Encoding"] == "identity"


async def test_encoded_bomb_ends_at_the_limit(stand_in, store):
    body = gzip.compress(bytes(64 << 20))
    stand_in.pages["/a.jar"] = lambda request: web.Response(
        body=body, headers={"Content-Encoding": "gzip"}
    )
    failure = await fails(store, f"{stand_in.url}/a.jar", jar_bytes=1 << 20)
    assert failure == (NOT_FETCHED, "the file is larger than 1 MiB")


async def test_damaged_encoding_is_refused(stand_in, store):
    stand_in.pages["/a.jar"] = lambda request: web.Response(
        body=JAR, headers={"Content-Encoding": "gzip"}
    )
    assert (await fails(store, f"{stand_in.url}/a.jar"))[0] is NOT_FETCHED


def redirect(location, status=302):
    return lambda request: web.Response(status=status, headers={"Location": location})


def chain(stand_in, count):
    """Make a chain of redirects to the jar."""
    stand_in.pages["/0"] = JAR
    for number in range(1, count + 1):
        stand_in.pages[f"/{number}"] = redirect(
            f"/{number - 1}", (301, 302, 303, 307, 308)[number % 5]
        )
    return f"{stand_in.url}/{count}"


async def test_five_redirects_are_followed(stand_in, store):
    jar = await make_fetcher().fetch(Source(chain(stand_in, 5)), store)
    assert jar.size == len(JAR)
    assert [path for _, path in stand_in.requests] == ["/5", "/4", "/3", "/2", "/1", "/0"]


async def test_sixth_redirect_is_refused(stand_in, store):
    failure = await fails(store, chain(stand_in, 6))
    assert failure == (NOT_FETCHED, "more than 5 redirects")
    assert len(stand_in.requests) == 6


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data", "the address 169.254.169.254 is not public"),
        ("http://[::1]/a.jar", "the address ::1 is not public"),
        ("//10.0.0.1/a.jar", "the address 10.0.0.1 is not public"),
        ("http://2852039166/", "2852039166 is not a valid address"),
        ("file:///etc/passwd", "only http and https addresses can be fetched"),
        ("http://a:b@jars.example/", "an address with a user or a password is not fetched"),
        ("http://inside.example/", "the address 10.0.0.7 of inside.example is not public"),
        ("http://[", "a redirect leads to no valid URL"),
        ("", "a redirect leads nowhere"),
    ],
)
async def test_redirect_to_a_refused_address_is_not_followed(stand_in, store, location, reason):
    stand_in.pages["/a.jar"] = redirect(location)
    resolver = StubResolver({"inside.example": [["10.0.0.7"]]})
    failure = await fails(store, f"{stand_in.url}/a.jar", fetcher=make_fetcher(resolver))
    assert failure == (NOT_FETCHED, reason)
    assert len(stand_in.requests) == 1


async def test_local_address_is_refused_unless_it_is_named(stand_in, store):
    stand_in.pages["/a.jar"] = JAR
    fetcher = make_fetcher(private=())
    failure = await fails(store, f"{stand_in.url}/a.jar", fetcher=fetcher)
    assert failure == (NOT_FETCHED, "the address 127.0.0.1 is not public")
    with pytest.raises(VersionError):
        await fetcher.check(f"{stand_in.url}/a.jar")
    with pytest.raises(VersionError):
        await fetcher.read_document(f"{stand_in.url}/a.jar")
    assert stand_in.requests == []


@pytest.mark.parametrize("name", ["localhost", "inside.example"])
async def test_names_of_local_addresses_are_refused(stand_in, store, name):
    stand_in.pages["/a.jar"] = JAR
    resolver = StubResolver({"localhost": [["127.0.0.1"]], "inside.example": [["127.0.0.1"]]})
    fetcher = make_fetcher(resolver, private=())
    _, reason = await fails(store, f"http://{name}:{stand_in.port}/a.jar", fetcher=fetcher)
    assert reason == f"the address 127.0.0.1 of {name} is not public"
    assert stand_in.requests == []


async def test_one_private_address_among_public_ones_refuses_the_name(stand_in, store):
    stand_in.pages["/a.jar"] = JAR
    resolver = StubResolver({"jars.example": [["1.1.1.1", "127.0.0.1"]]})
    fetcher = make_fetcher(resolver, private=())
    _, reason = await fails(store, f"http://jars.example:{stand_in.port}/a.jar", fetcher=fetcher)
    assert reason == "the address 127.0.0.1 of jars.example is not public"


async def test_name_is_resolved_once_for_each_connection(stand_in, store):
    """A second, private answer to the same name (DNS rebinding) is checked like the first one."""
    stand_in.pages["/a.jar"] = redirect("/b.jar")
    stand_in.pages["/b.jar"] = JAR
    # 127.0.0.1 stands for the allowed address here.
    resolver = StubResolver({"jars.example": [["127.0.0.1"], ["10.0.0.7"]]})
    fetcher = make_fetcher(resolver)
    _, reason = await fails(store, f"http://jars.example:{stand_in.port}/a.jar", fetcher=fetcher)
    assert reason == "the address 10.0.0.7 of jars.example is not public"
    assert resolver.asked == ["jars.example", "jars.example"]
    assert [path for _, path in stand_in.requests] == ["/a.jar"]


async def test_connection_goes_to_the_address_that_was_checked(stand_in, store):
    stand_in.pages["/a.jar"] = JAR
    resolver = StubResolver({"jars.example": [["127.0.0.1"], ["10.0.0.7"]]})
    jar = await make_fetcher(resolver).fetch(
        Source(f"http://jars.example:{stand_in.port}/a.jar"), store
    )
    assert jar.size == len(JAR)
    assert resolver.asked == ["jars.example"]
    assert stand_in.headers[0]["Host"] == f"jars.example:{stand_in.port}"


async def test_address_that_is_not_an_address_is_refused(store):
    resolver = StubResolver({"jars.example": [["fe80::1%eth0"]], "odd.example": [["what"]]})
    for name in ("jars.example", "odd.example"):
        code, reason = await fails(store, f"http://{name}/a.jar", fetcher=make_fetcher(resolver))
        assert (code, reason.endswith("is not public")) == (NOT_FETCHED, True)


async def test_unknown_name_is_named(store):
    fetcher = make_fetcher(StubResolver({}))
    failure = await fails(store, "http://missing.example/a.jar", fetcher=fetcher)
    assert failure == (NOT_FETCHED, "the host missing.example was not found")


async def test_environment_has_no_say(stand_in, store, monkeypatch):
    stand_in.pages["/a.jar"] = JAR
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    jar = await make_fetcher().fetch(Source(f"{stand_in.url}/a.jar"), store)
    assert jar.size == len(JAR)


async def test_cancelled_fetch_leaves_nothing(store):
    started = asyncio.Event()

    async def wait(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n" + bytes(2_000_000))
        await writer.drain()
        started.set()
        await asyncio.Event().wait()

    async with raw_server(wait) as url:
        task = asyncio.create_task(make_fetcher().fetch(Source(url), store))
        await started.wait()
        while not names(store):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert names(store) == []


async def test_left_part_of_a_killed_process_is_not_used(stand_in, store):
    stand_in.pages["/a.jar"] = JAR
    store.folder.mkdir(parents=True)
    part = store.folder / "0123456789abcdef.part"
    part.write_bytes(JAR[:1000])
    jar = await make_fetcher().fetch(Source(f"{stand_in.url}/a.jar"), store)
    assert jar.path.read_bytes() == JAR
    assert part.read_bytes() == JAR[:1000]
    store.delete_parts()
    assert names(store) == [jar.path.name]


async def test_check_asks_for_the_head_only(stand_in):
    stand_in.pages["/a.jar"] = JAR
    stand_in.pages["/b.jar"] = redirect("/a.jar")
    await make_fetcher().check(f"{stand_in.url}/b.jar")
    assert stand_in.requests == [("HEAD", "/b.jar"), ("HEAD", "/a.jar")]


async def test_check_names_the_error(stand_in):
    with pytest.raises(VersionError, match=r"^Error \(404\) fetching URL$"):
        await make_fetcher().check(f"{stand_in.url}/missing.jar")


async def test_check_is_over_in_time():
    async with raw_server(silence) as url:
        with pytest.raises(VersionError, match="it took more than 0.1 seconds"):
            await make_fetcher(check_seconds=0.1).check(url)


async def test_document_is_read_with_its_etag(stand_in):
    def answer(request):
        if request.headers.get("If-None-Match") == '"1"':
            return web.Response(status=304)
        return web.Response(body=b"{}", headers={"ETag": '"1"'})

    stand_in.pages["/list"] = answer
    fetcher = make_fetcher()
    document = await fetcher.read_document(f"{stand_in.url}/list")
    assert document == Document(b"{}", '"1"')
    assert await fetcher.read_document(f"{stand_in.url}/list", document.etag) is None


async def test_document_is_bounded(stand_in):
    stand_in.pages["/list"] = bytes(2 << 20)
    with pytest.raises(VersionError, match="larger than 1 MiB"):
        await make_fetcher(list_bytes=1 << 20).read_document(f"{stand_in.url}/list")
