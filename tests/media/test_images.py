"""Uploaded images: stored variants, rejected uploads and signatures."""

import asyncio
import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from coalserver.media.images import KINDS, ImageStore, InvalidImage, encode

CODE = "0" * 32
RED, BLUE = (250, 0, 0), (0, 0, 250)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def images(tmp_path: Path, clock: Clock) -> Iterator[ImageStore]:
    store = ImageStore(tmp_path / "screenshots", bytes(32), 2**20, clock)
    yield store
    store.close()


def make_image(
    format: str = "PNG", size: tuple[int, int] = (640, 400), mode: str = "RGB", **kwargs: Any
) -> bytes:
    """Return an image whose upper half is red and the lower one blue."""
    image = Image.new("RGB", size, BLUE)
    image.paste(RED, (0, 0, size[0], size[1] // 2))
    out = io.BytesIO()
    image.convert(mode).save(out, format, **kwargs)
    return out.getvalue()


def open_stored(images: ImageStore, code: str, kind: str = "original") -> Image.Image:
    found = images.find_file(code, kind)
    assert found is not None
    image = Image.open(io.BytesIO(found[0].read_bytes()))
    assert Image.MIME[image.format or ""] == found[1]
    return image


def files(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "screenshots").iterdir())


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
async def test_image_is_stored_as_original_small_and_blurred(images, tmp_path, format):
    saved = await images.save(make_image(format))
    assert (saved.type, saved.width, saved.height) == (f"image/{format.lower()}", 640, 400)
    assert open_stored(images, saved.code).size == (640, 400)
    assert open_stored(images, saved.code, "small").size == (480, 300)
    assert open_stored(images, saved.code, "blurred").size == (640, 400)
    found = images.find_file(saved.code, "original")
    assert found[0].stat().st_size == saved.size
    assert found[0].stat().st_mode & 0o777 == 0o600
    assert len(files(tmp_path)) == 3


async def test_blurred_variant_is_blurred(images):
    saved = await images.save(make_image())
    sharp, blurred = (
        open_stored(images, saved.code),
        open_stored(images, saved.code, "blurred").convert("RGB"),
    )
    assert sharp.getpixel((5, 199)) == RED and sharp.getpixel((5, 200)) == BLUE
    red, _, blue = blurred.getpixel((5, 199))
    assert red < 200 and blue > 50


@pytest.mark.parametrize("orientation", [3, 6, 8, 2, 99])
async def test_image_is_upright_and_without_metadata(images, orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = "Secret camera"
    raw = make_image("JPEG", exif=exif, comment=b"Secret comment")
    saved = await images.save(raw)
    upright_size = (400, 640) if orientation in (6, 8) else (640, 400)
    assert (saved.width, saved.height) == upright_size
    assert b"Secret" in raw
    for kind in KINDS:
        path, _ = images.find_file(saved.code, kind)
        assert b"Secret" not in path.read_bytes()
        assert not open_stored(images, saved.code, kind).getexif()
    if orientation == 3:
        assert open_stored(images, saved.code).getpixel((5, 5))[2] > 200


async def test_text_chunks_of_a_png_are_dropped(images):
    metadata = PngInfo()
    metadata.add_text("Author", "Secret")
    saved = await images.save(make_image(pnginfo=metadata))
    path, _ = images.find_file(saved.code, "original")
    assert b"Secret" not in path.read_bytes()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
async def test_every_pixel_mode_is_accepted(images, mode):
    image = Image.new(mode, (20, 10))
    out = io.BytesIO()
    image.save(out, "PNG")
    assert (await images.save(out.getvalue())).width == 20


async def test_first_frame_of_an_animation_is_stored(images):
    frames = [Image.new("RGB", (20, 10), colour) for colour in (RED, BLUE)]
    for format in ("PNG", "WEBP"):
        out = io.BytesIO()
        frames[0].save(out, format, save_all=True, append_images=frames[1:], lossless=True)
        saved = await images.save(out.getvalue())
        image = open_stored(images, saved.code)
        assert getattr(image, "n_frames", 1) == 1 and image.convert("RGB").getpixel((1, 1))[0] > 200


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"x",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a",
        make_image("GIF"),
        make_image("TIFF"),
    ],
)
async def test_other_formats_are_rejected(images, tmp_path, raw):
    with pytest.raises(InvalidImage) as refused:
        await images.save(raw)
    assert refused.value.code == "kind"
    assert not (tmp_path / "screenshots").exists()


async def test_truncated_image_is_rejected(images):
    raw = make_image("JPEG")
    with pytest.raises(InvalidImage) as refused:
        await images.save(raw[: len(raw) // 2])
    assert refused.value.code == "damaged"


async def test_image_with_too_many_pixels_is_not_decoded(images):
    for size in ((12_000, 12_000), (7680, 4320), (20_000, 2)):
        bomb = io.BytesIO()
        Image.new("1", size).save(bomb, "PNG")
        assert len(bomb.getvalue()) < 50_000
        with pytest.raises(InvalidImage) as refused:
            await images.save(bomb.getvalue())
        assert refused.value.code == "pixels"


async def test_image_of_a_5k_screen_is_accepted(images):
    saved = await images.save(make_image("JPEG", (5120, 2880)))
    assert (saved.width, saved.height) == (5120, 2880)


def test_image_too_large_for_its_format_is_rejected():
    with pytest.raises(InvalidImage) as refused:
        encode(Image.new("RGB", (17_000, 1)), "webp")
    assert refused.value.code == "pixels"


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
async def test_any_damage_is_accepted_or_rejected(images, format):
    chance, whole = random.Random(format), make_image(format, (60, 40))
    for _ in range(150):
        raw = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        try:
            saved = await images.save(bytes(raw))
        except InvalidImage:
            continue
        assert images.find_file(saved.code, "original")


async def test_delete_removes_the_files_of_one_image(images, tmp_path):
    one, other = await asyncio.gather(images.save(make_image()), images.save(make_image("JPEG")))
    await images.delete(one.code)
    await images.delete(one.code)
    assert images.find_file(one.code, "small") is None
    assert len(files(tmp_path)) == 3 and images.find_file(other.code, "small")


async def test_orphaned_files_are_deleted(images, tmp_path):
    assert await images.delete_orphans(set()) == 0
    one, other = await images.save(make_image()), await images.save(make_image())
    (tmp_path / "screenshots" / f".{one.code}-small.webp.part").write_bytes(b"half")
    (tmp_path / "screenshots" / "notes.txt").write_bytes(b"another file")
    assert await images.delete_orphans({one.code}) == 4
    assert files(tmp_path) == sorted(
        [
            "notes.txt",
            f"{one.code}-blurred.webp",
            f"{one.code}-original.png",
            f"{one.code}-small.webp",
        ]
    )
    assert images.find_file(other.code, "original") is None


@pytest.mark.parametrize("code", ["", "..", "../keys/coal", CODE[1:], CODE + "/x", CODE + "\n"])
@pytest.mark.parametrize("kind", [*KINDS, "other"])
def test_code_cannot_leave_the_folder(images, code, kind):
    assert images.find_file(code, kind) is None


def test_signature_is_valid_for_one_image_for_one_to_two_days(images, clock):
    first = images.sign(CODE)
    assert images.verify(CODE, first) and not images.verify("1" * 32, first)
    clock.now += 86_399
    assert images.sign(CODE) == first
    clock.now += 86_400
    assert images.sign(CODE) != first and images.verify(CODE, first)
    clock.now += 1
    assert not images.verify(CODE, first)
    assert not images.verify(CODE, "é")
