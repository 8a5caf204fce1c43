"""Pictures: what people upload is looked through in a worker and kept as files of our own making.

Nothing of an upload reaches the disk but its pixels: each file is written anew, without place, camera or thumbnail.
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

#: What may be uploaded, by what the format is called on the wire; and what each is written with. Others wait for the
#: worker: of noise, harder tries take two or three times as long, and a third less room.
FORMATS: dict[str, tuple[str, dict[str, int]]] = {
    "png": ("PNG", {"compress_level": 2}),
    "jpeg": ("JPEG", {"quality": 92}),
    "webp": ("WEBP", {"quality": 90, "method": 2}),
}
#: A phone's several pictures in one are a picture, too: the first is taken.
_FORMAT_ALIASES = {"MPO": "JPEG"}
#: A 5K screen has 14.7 million. One as large that is all noise takes the worker three seconds and 320 MB.
MAX_PIXELS = 15_000_000
#: Above this, JPEG and WebP cannot be written.
MAX_SIDE = 16_383
#: Longest sides of what is made of a picture, how far it is blurred, and how well both are kept.
SMALL, BLURRED, BLUR, QUALITY = 480, 1280, 10, 80
KINDS = ("original", "small", "blurred")
FILE_PATTERN = re.compile(r"[0-9a-f]{32}-(?:original\.(?:png|jpeg|webp)|(?:small|blurred)\.webp)")
#: For so long, and for as long again at most, a pass holds.
SIGNATURE_SECONDS = 86400
#: What Pillow says of a picture that is none, or is damaged; `Warning` where warnings are errors.
DECODE_ERRORS = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError),
    *(EOFError, struct.error, zlib.error, Warning),
)
#: How the camera was held -> what makes it upright again.
ORIENTATIONS: dict[object, Image.Transpose] = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# It would warn of large pictures and load them all the same; the size is looked at here, before anything is loaded.
Image.MAX_IMAGE_PIXELS = None


class InvalidImage(Exception):
    """These bytes are not taken; `why` is "kind", "damaged" or "pixels"."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class StoredImage(NamedTuple):
    """A picture that has its files."""

    #: What they are called; nobody can guess it.
    code: str
    #: Of the original.
    type: str
    width: int
    height: int
    size: int


class ImageStore:
    """Keeps pictures in a folder. One is worked on at a time: a large one takes much memory."""

    def __init__(
        self, folder: Path, secret: bytes, max_bytes: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._secret = secret
        #: Bytes an upload may have.
        self.max_bytes = max_bytes
        self._clock = clock
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="pictures")

    async def save(self, raw: bytes) -> StoredImage:
        """Keep a picture; when this returns all its files are durable. NoPicture if it is none."""
        return await self._run_in_executor(self._save, raw)

    async def delete(self, code: str) -> None:
        """Remove the files of a picture, as far as there are any."""
        await self._run_in_executor(self._delete, code)

    async def delete_orphans(self, known_codes: Container[str]) -> int:
        """Remove what belongs to no picture of these codes: a crash came between file and command."""
        return await self._run_in_executor(self._delete_orphans, known_codes)

    def find_file(self, code: str, kind: str) -> tuple[Path, str] | None:
        """Where a kind of a picture is, and its media type; None if there is no such thing."""
        formats = tuple(FORMATS) if kind == "original" else ("webp",)
        for format in formats:
            name = f"{code}-{kind}.{format}"
            if FILE_PATTERN.fullmatch(name) and (self._folder / name).is_file():
                return self._folder / name, f"image/{format}"
        return None

    def sign(self, code: str) -> str:
        """What lets one see a picture without further proof, for a day and at most for two; the same all day."""
        return self._signature(code, self._day)

    def verify(self, code: str, signature: str) -> bool:
        """Whether this is a pass for a picture, and still holds."""
        valid = [self._signature(code, self._day - ago) for ago in (0, 1)]
        return any(compare_digest(one.encode(), signature.encode()) for one in valid)

    def close(self) -> None:
        """Let go of the thread. Pictures in line are given up."""
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
            # The disk is full, perhaps: then half a picture must not stay either.
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
    """The pixels of a picture, upright, and its format; NoPicture if it is none that we take."""
    try:
        image: Image.Image = Image.open(
            io.BytesIO(raw), formats=[name for name, _ in FORMATS.values()]
        )
    except DECODE_ERRORS:
        raise InvalidImage("kind") from None
    if image.width * image.height > MAX_PIXELS or max(image.size) > MAX_SIDE:
        raise InvalidImage("pixels")
    name = _FORMAT_ALIASES.get(image.format or "", image.format)
    format = next(one for one, (pillow_name, _) in FORMATS.items() if pillow_name == name)
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
    """A picture as the bytes of a file, with nothing in it but pixels; NoPicture if its format cannot hold so much."""
    name, options = FORMATS[format]
    out = io.BytesIO()
    try:
        image.save(out, name, **(options if quality is None else {"quality": quality}))
    except ValueError:
        raise InvalidImage("pixels") from None
    return out.getvalue()


def _upright(image: Image.Image, plain: Image.Image) -> Image.Image:
    """The pixels as the camera says it was held; as they are if it says nothing that is understood."""
    try:
        turn = ORIENTATIONS.get(image.getexif().get(ExifTags.Base.Orientation))
    except DECODE_ERRORS:
        return plain
    return plain if turn is None else plain.transpose(turn)


def _within(image: Image.Image, side: int) -> Image.Image:
    """A copy that is no longer and no higher than this."""
    small = image.copy()
    small.thumbnail((side, side))
    return small
