"""Uploaded images: decoded in a worker thread and stored as newly encoded files.

Only the pixels of an upload are stored: metadata such as location, camera and thumbnail is dropped.
"""

import asyncio
import io
import re
import secrets
import struct
import time
import zlib
from collections.abc import Callable, Container
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path
from typing import NamedTuple, TypeVar

from PIL import ExifTags, Image, ImageFilter

from coalserver.media.files import sync_directory, write_private

T = TypeVar("T")

#: Accepted formats by their names on the wire, with Pillow's names and options. Stronger compression of noise takes
#: two or three times as long and saves a third, while other uploads wait for the worker.
FORMATS: dict[str, tuple[str, dict[str, int]]] = {
    "png": ("PNG", {"compress_level": 2}),
    "jpeg": ("JPEG", {"quality": 92}),
    "webp": ("WEBP", {"quality": 90, "method": 2}),
}
#: Phones write several images into one MPO file; the first one is used.
_FORMAT_ALIASES = {"MPO": "JPEG"}
#: A 5K screen has 14.7 million. Noise of this size takes three seconds and 320 MB.
MAX_PIXELS = 15_000_000
#: The limit of JPEG and WebP.
MAX_SIDE = 16_383
#: Longest sides of the two variants, radius of the blur, and quality of both.
SMALL, BLURRED, BLUR, QUALITY = 480, 1280, 10, 80
KINDS = ("original", "small", "blurred")
FILE_PATTERN = re.compile(r"[0-9a-f]{32}-(?:original\.(?:png|jpeg|webp)|(?:small|blurred)\.webp)")
#: A signature is valid for at least and at most twice this time.
SIGNATURE_SECONDS = 86400
#: Exceptions of Pillow for data that is not an image or is damaged; `Warning` where warnings are errors.
DECODE_ERRORS = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError),
    *(EOFError, struct.error, zlib.error, Warning),
)
#: EXIF orientation -> the transposition that makes the image upright.
ORIENTATIONS: dict[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow only warns of large images; `decode` checks the size before loading.
Image.MAX_IMAGE_PIXELS = None


class InvalidImage(Exception):
    """The upload is rejected. `code`: kind (not an accepted format), damaged, or pixels (too large)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class StoredImage(NamedTuple):
    """An image whose files are stored."""

    #: Random first part of the names of its files.
    code: str
    #: Media type of the original.
    type: str
    width: int
    height: int
    size: int


class ImageStore:
    """Stores images in a folder. Processes one at a time, since a large one takes much memory."""

    def __init__(
        self, folder: Path, secret: bytes, max_bytes: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._secret = secret
        #: Largest upload.
        self.max_bytes = max_bytes
        self._clock = clock
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="pictures")

    async def save(self, raw: bytes) -> StoredImage:
        """Store an image durably. Raises InvalidImage, or OSError if the files cannot be written."""
        return await self._run_in_executor(self._save, raw)

    async def delete(self, code: str) -> None:
        """Delete the files of an image, if there are any."""
        await self._run_in_executor(self._delete, code)

    async def delete_orphans(self, known_codes: Container[str]) -> int:
        """Delete files of other codes, which a crash between file and command leaves; return their number."""
        return await self._run_in_executor(self._delete_orphans, known_codes)

    def find_file(self, code: str, kind: str) -> tuple[Path, str] | None:
        """Return path and media type of a variant of an image, or None."""
        formats = tuple(FORMATS) if kind == "original" else ("webp",)
        for format in formats:
            name = f"{code}-{kind}.{format}"
            if FILE_PATTERN.fullmatch(name) and (self._folder / name).is_file():
                return self._folder / name, f"image/{format}"
        return None

    def sign(self, code: str) -> str:
        """Return a signature with which an image can be fetched without a login for one to two days.

        It is the same all day, so that addresses can be cached.
        """
        return self._signature(code, self._day)

    def verify(self, code: str, signature: str) -> bool:
        """Return whether a signature is valid for an image."""
        valid = [self._signature(code, self._day - ago) for ago in (0, 1)]
        return any(compare_digest(expected.encode(), signature.encode()) for expected in valid)

    def close(self) -> None:
        """Stop the thread and cancel queued calls."""
        self._worker.shutdown(wait=False, cancel_futures=True)

    @property
    def _day(self) -> int:
        return int(self._clock() // SIGNATURE_SECONDS)

    def _signature(self, code: str, day: int) -> str:
        message = f"{code} {day}".encode()
        return blake2b(
            message, digest_size=16, key=self._secret, person=b"picture pass"
        ).hexdigest()

    def _save(self, raw: bytes) -> StoredImage:
        image, format = decode(raw)
        code = secrets.token_hex(16)
        original = encode(image, format)
        small = encode(_within(image, SMALL), "webp", QUALITY)
        soft = _within(image, BLURRED).filter(ImageFilter.GaussianBlur(BLUR))
        blurred = encode(soft, "webp", QUALITY)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        sync_directory(self._folder.parent)
        try:
            write_private(self._folder / f"{code}-original.{format}", original)
            write_private(self._folder / f"{code}-small.webp", small)
            write_private(self._folder / f"{code}-blurred.webp", blurred)
        except OSError:
            # For example a full disk: leave no incomplete image behind.
            for path in (*self._folder.glob(f"{code}-*"), *self._folder.glob(f".{code}-*")):
                path.unlink(missing_ok=True)
            raise
        return StoredImage(code, f"image/{format}", image.width, image.height, len(original))

    def _delete(self, code: str) -> None:
        for kind in KINDS:
            found = self.find_file(code, kind)
            if found is not None:
                found[0].unlink(missing_ok=True)

    def _delete_orphans(self, known_codes: Container[str]) -> int:
        deleted = 0
        for path in self._folder.glob("*") if self._folder.is_dir() else ():
            code, _, _ = path.name.partition("-")
            half = path.name.startswith(".") and path.name.endswith(".part")
            if half or (FILE_PATTERN.fullmatch(path.name) and code not in known_codes):
                path.unlink(missing_ok=True)
                deleted += 1
        return deleted

    async def _run_in_executor(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work, *args)


def decode(raw: bytes) -> tuple[Image.Image, str]:
    """Return the pixels of an image, upright, and its format. Raises InvalidImage."""
    try:
        image: Image.Image = Image.open(
            io.BytesIO(raw), formats=[name for name, _ in FORMATS.values()]
        )
    except DECODE_ERRORS:
        raise InvalidImage("kind") from None
    if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
        raise InvalidImage("pixels")
    name = _FORMAT_ALIASES.get(image.format or "", image.format)
    format = next(known for known, (pillow_name, _) in FORMATS.items() if pillow_name == name)
    try:
        image.load()
        pixels = image.convert("RGBA" if image.has_transparency_data else "RGB")
    except DECODE_ERRORS:
        raise InvalidImage("damaged") from None
    if format == "jpeg":
        pixels = pixels.convert("RGB")
    pixels = _upright(image, pixels)
    pixels.info = {}
    return pixels, format


def encode(image: Image.Image, format: str, quality: int | None = None) -> bytes:
    """Return an image encoded without metadata. Raises InvalidImage if it is too large for the format."""
    name, options = FORMATS[format]
    out = io.BytesIO()
    try:
        image.save(out, name, **(options if quality is None else {"quality": quality}))
    except ValueError:
        raise InvalidImage("pixels") from None
    return out.getvalue()


def _upright(image: Image.Image, plain: Image.Image) -> Image.Image:
    """Return the pixels rotated as EXIF says, or unchanged without a valid orientation."""
    try:
        turn = ORIENTATIONS.get(image.getexif().get(ExifTags.Base.Orientation))
    except DECODE_ERRORS:
        return plain
    return plain if turn is None else plain.transpose(turn)


def _within(image: Image.Image, side: int) -> Image.Image:
    """Return a copy whose sides are at most this long."""
    small = image.copy()
    small.thumbnail((side, side))
    return small
