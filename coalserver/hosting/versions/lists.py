"""The lists of versions: Mojang's manifest, PaperMC's Fill API and Fabric's meta API (minecraft.md 1.15).

Lists are kept for some minutes, and longer while their server cannot be reached.
"""

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from coalserver.domain.minecraft.hosting.minecraft_versions import find_version
from coalserver.domain.minecraft.hosting.version import VersionKind
from coalserver.hosting.versions.errors import VersionError, VersionErrorCode
from coalserver.hosting.versions.fetch import Fetcher, Source
from coalserver.hosting.versions.jars import Expected

log = logging.getLogger(__name__)

#: Ages in seconds up to which a list is used without asking again.
MOJANG_SECONDS, PAPER_SECONDS, FABRIC_SECONDS = 120, 600, 1800
#: The description of a version has its hash in its address and does not change.
DESCRIPTION_SECONDS = 86_400
#: A list that cannot be read is asked for again after this time; until then the old one counts.
RETRY_SECONDS = 30
#: Lists that are kept at a time.
MAX_LISTS = 64

#: What is wrong with a document of another shape than expected.
_BAD_SHAPE = (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """A version of a list: its id, and whether it is a release and not a snapshot or the like."""

    id: str
    stable: bool = True


@dataclass(slots=True)
class _Cached:
    document: Any
    etag: str
    #: Until when it is used without asking again, by the monotonic clock.
    until: float


class VersionLists:
    """Reads the lists. `manifests` are `mojang=URL`, `paper=URL` and `fabric=URL`, as in `hosting_manifests`."""

    def __init__(
        self,
        fetcher: Fetcher,
        manifests: Iterable[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetcher, self._clock = fetcher, clock
        pairs = (manifest.partition("=") for manifest in manifests)
        self._urls = {VersionKind(name.strip()): url.strip().rstrip("/") for name, _, url in pairs}
        self._cached: dict[str, _Cached] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    @property
    def newest_first(self) -> tuple[str, ...]:
        """The ids of Mojang's list in its order, as far as it was read; it decides the order of versions."""
        cached = self._cached.get(self._urls.get(VersionKind.MOJANG, ""))
        return tuple(entry["id"] for entry in cached.document["versions"]) if cached else ()

    async def versions(self, kind: VersionKind) -> tuple[ListedVersion, ...]:
        """Return the versions of a list, newest first. Raises NOT_FETCHED."""
        readers: dict[VersionKind, Callable[[], Awaitable[tuple[ListedVersion, ...]]]] = {
            VersionKind.MOJANG: self._mojang_versions,
            VersionKind.PAPER: self._paper_versions,
            VersionKind.FABRIC: self._fabric_versions,
        }
        return await readers[kind]()

    async def find(self, kind: VersionKind, name: str) -> Source:
        """Return where the jar of a version is. Raises NOT_FETCHED.

        `name` is an id of the list, alone or with other words around it: `1.20.4`, `paper-1.20.4`.
        """
        ids = {listed.id for listed in await self.versions(kind)}
        version = next((one for one in _candidates(kind, name) if one in ids), None)
        if version is None:
            raise _not_fetched(f"the list of {kind.capitalize()} has no version {name}")
        finders = {
            VersionKind.MOJANG: self._mojang_source,
            VersionKind.PAPER: self._paper_source,
            VersionKind.FABRIC: self._fabric_source,
        }
        try:
            return await finders[kind](version)
        except _BAD_SHAPE as error:
            raise _not_valid(kind) from error

    async def _mojang_versions(self) -> tuple[ListedVersion, ...]:
        return tuple(
            ListedVersion(entry["id"], entry["type"] == "release")
            for entry in await self._mojang_entries()
        )

    async def _mojang_entries(self) -> list[dict[str, Any]]:
        url = self._url(VersionKind.MOJANG)
        document = await self._read(url, MOJANG_SECONDS, VersionKind.MOJANG, _check_mojang)
        entries: list[dict[str, Any]] = document["versions"]
        return entries

    async def _mojang_source(self, version: str) -> Source:
        description = await self._mojang_description(version)
        server = description.get("downloads", {}).get("server")
        if server is None:
            raise _not_fetched(f"Minecraft {version} has no server")
        expected = Expected(_size(server), _hash(server["sha1"], 40))
        return Source(str(server["url"]), expected, version, _java(description))

    async def _mojang_description(self, version: str) -> dict[str, Any]:
        """Return the description of a version, empty if the list does not have it. Raises NOT_FETCHED."""
        entries = await self._mojang_entries()
        entry = next((one for one in entries if one["id"] == version), None)
        if entry is None:
            return {}
        kind = VersionKind.MOJANG
        sha1 = entry.get("sha1", "")
        description = await self._read(entry["url"], DESCRIPTION_SECONDS, kind, _check_dict, sha1)
        return dict(description)

    async def _java_of(self, version: str) -> int:
        """Return the Java version that Mojang's list names, 0 for none: the lists of others have none."""
        if VersionKind.MOJANG not in self._urls:
            return 0
        return _java(await self._mojang_description(version))

    async def _paper_versions(self) -> tuple[ListedVersion, ...]:
        url = self._url(VersionKind.PAPER)
        document = await self._read(url, PAPER_SECONDS, VersionKind.PAPER, _check_paper)
        # Groups of versions, `1.21` to `["1.21.1", "1.21"]`.
        ids = [one for group in document["versions"].values() for one in group]
        return tuple(ListedVersion(one, "-" not in one) for one in ids)

    async def _paper_source(self, version: str) -> Source:
        kind = VersionKind.PAPER
        url = f"{self._url(kind)}/versions/{quote(version, safe='')}/builds"
        # New versions have no stable build for weeks.
        builds = await self._read(f"{url}?channel=STABLE", PAPER_SECONDS, kind, _check_list)
        if not builds:
            builds = await self._read(url, PAPER_SECONDS, kind, _check_list)
        if not builds:
            raise _not_fetched(f"Paper has no build for {version}")
        build = max(builds, key=lambda one: int(one["id"]))
        download = build["downloads"]["server:default"]
        expected = Expected(_size(download), sha256=_hash(download["checksums"]["sha256"], 64))
        try:
            java = await self._java_of(version)
        except VersionError:
            # The jar says it too.
            java = 0
        return Source(str(download["url"]), expected, version, java)

    async def _fabric_versions(self) -> tuple[ListedVersion, ...]:
        games = await self._fabric_list("game")
        return tuple(ListedVersion(one["version"], one.get("stable") is True) for one in games)

    async def _fabric_source(self, version: str) -> Source:
        parts = [version]
        for name in ("loader", "installer"):
            listed = await self._fabric_list(name)
            stable = (one for one in listed if one.get("stable") is True)
            parts.append(next(stable, listed[0])["version"])
        path = "/".join(quote(part, safe="") for part in parts)
        url = f"{self._url(VersionKind.FABRIC)}/loader/{path}/server/jar"
        # This jar only fetches the game: it runs with an older Java itself.
        return Source(url, Expected(), version, await self._java_of(version))

    async def _fabric_list(self, name: str) -> list[dict[str, Any]]:
        url = f"{self._url(VersionKind.FABRIC)}/{name}"
        entries = await self._read(url, FABRIC_SECONDS, VersionKind.FABRIC, _check_fabric)
        return list(entries)

    def _url(self, kind: VersionKind) -> str:
        if kind not in self._urls:
            raise _not_fetched(f"the address of the list of {kind.capitalize()} is not set")
        return self._urls[kind]

    async def _read(
        self,
        url: str,
        seconds: float,
        kind: VersionKind,
        check: Callable[[Any], object],
        sha1: str = "",
    ) -> Any:
        """Return the document at an address, from the cache if it is young or cannot be read anew.

        `check` raises for another shape; `sha1` is its published hash, if there is one. Raises NOT_FETCHED, CHECKSUM.
        """
        async with self._locks.setdefault(url, asyncio.Lock()):
            cached = self._cached.get(url)
            if cached is not None and self._clock() < cached.until:
                return cached.document
            try:
                fresh = await self._ask(url, cached, kind, check, sha1)
            except VersionError as error:
                if cached is None:
                    raise
                log.warning("The list %s is not up to date: %s", url, error.reason)
                cached.until = self._clock() + RETRY_SECONDS
                return cached.document
            fresh.until = self._clock() + seconds
            self._cached.pop(url, None)
            self._cached[url] = fresh
            self._delete_oldest()
            return fresh.document

    async def _ask(
        self,
        url: str,
        cached: _Cached | None,
        kind: VersionKind,
        check: Callable[[Any], object],
        sha1: str,
    ) -> _Cached:
        answer = await self._fetcher.read_document(url, cached.etag if cached else "")
        if answer is None:
            assert cached is not None
            return cached
        if sha1 and hashlib.sha1(answer.content, usedforsecurity=False).hexdigest() != sha1:
            reason = "the description of the version is not the published one"
            raise VersionError(VersionErrorCode.CHECKSUM, reason)
        try:
            document = json.loads(answer.content)
            check(document)
        except _BAD_SHAPE as error:
            raise _not_valid(kind) from error
        return _Cached(document, answer.etag, 0)

    def _delete_oldest(self) -> None:
        for url in list(self._cached)[:-MAX_LISTS]:
            del self._cached[url]
            lock = self._locks.get(url)
            if lock is not None and not lock.locked():
                del self._locks[url]


def _candidates(kind: VersionKind, name: str) -> tuple[str, ...]:
    """Return what a version's name may mean in a list, the most literal first."""
    name = name.strip()
    bare = name
    for prefix in (kind.value, "vanilla"):
        if name.lower().startswith(prefix):
            bare = name[len(prefix) :].lstrip(" -_+")
    return name, bare, find_version(name)


def _check_mojang(document: Any) -> None:
    for entry in document["versions"]:
        _require_texts(entry["id"], entry["type"], entry["url"], entry.get("sha1", ""))


def _check_dict(document: Any) -> None:
    if not isinstance(document, dict):
        raise TypeError


def _check_list(document: Any) -> None:
    if not isinstance(document, list):
        raise TypeError


def _check_paper(document: Any) -> None:
    for group in document["versions"].values():
        _check_list(group)
        _require_texts(*group)


def _check_fabric(document: Any) -> None:
    _check_list(document)
    _require_texts(*(entry["version"] for entry in document))


def _require_texts(*values: Any) -> None:
    if not all(isinstance(value, str) for value in values):
        raise TypeError


def _java(description: dict[str, Any]) -> int:
    java = description.get("javaVersion", {}).get("majorVersion", 0)
    if not isinstance(java, int) or not 0 <= java < 1000:
        raise ValueError
    return int(java)


def _size(download: dict[str, Any]) -> int | None:
    size = download.get("size")
    if size is not None and (not isinstance(size, int) or size < 1):
        raise ValueError
    return size


def _hash(text: Any, digits: int) -> str:
    if not isinstance(text, str) or len(text) != digits:
        raise ValueError
    int(text, 16)
    return text.lower()


def _not_valid(kind: VersionKind) -> VersionError:
    return _not_fetched(f"the list of {kind.capitalize()} is not valid")


def _not_fetched(reason: str) -> VersionError:
    return VersionError(VersionErrorCode.NOT_FETCHED, reason)
