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
def pictures(tmp_path: Path, clock: Clock) -> Iterator[ImageStore]:
    made = ImageStore(tmp_path / "screenshots", bytes(32), 2**20, clock)
    yield made
    made.close()


def make_picture(
    format: str = "PNG", size: tuple[int, int] = (640, 400), mode: str = "RGB", **how: Any
) -> bytes:
    """The upper half red, the lower one blue."""
    image = Image.new("RGB", size, BLUE)
    image.paste(RED, (0, 0, size[0], size[1] // 2))
    out = io.BytesIO()
    image.convert(mode).save(out, format, **how)
    return out.getvalue()


def kept(pictures: ImageStore, code: str, kind: str = "original") -> Image.Image:
    found = pictures.find_file(code, kind)
    assert found is not None
    image = Image.open(io.BytesIO(found[0].read_bytes()))
    assert Image.MIME[image.format or ""] == found[1]
    return image


def files(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "screenshots").iterdir())


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
async def test_image_is_stored_as_original_small_and_blurred(pictures, tmp_path, format):
    said = await pictures.save(make_picture(format))
    assert (said.type, said.width, said.height) == (f"image/{format.lower()}", 640, 400)
    assert kept(pictures, said.code).size == (640, 400)
    assert kept(pictures, said.code, "small").size == (480, 300)
    assert kept(pictures, said.code, "blurred").size == (640, 400)
    found = pictures.find_file(said.code, "original")
    assert found[0].stat().st_size == said.size
    assert found[0].stat().st_mode & 0o777 == 0o600
    assert len(files(tmp_path)) == 3


async def test_blurred_variant_is_blurred(pictures):
    said = await pictures.save(make_picture())
    sharp, blurred = kept(pictures, said.code), kept(pictures, said.code, "blurred").convert("RGB")
    assert sharp.getpixel((5, 199)) == RED and sharp.getpixel((5, 200)) == BLUE
    red, _, blue = blurred.getpixel((5, 199))
    assert red < 200 and blue > 50


@pytest.mark.parametrize("orientation", [3, 6, 8, 2, 99])
async def test_image_is_upright_and_without_metadata(pictures, orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = "Secret camera"
    raw = make_picture("JPEG", exif=exif, comment=b"Secret comment")
    said = await pictures.save(raw)
    turned = (400, 640) if orientation in (6, 8) else (640, 400)
    assert (said.width, said.height) == turned
    assert b"Secret" in raw
    for kind in KINDS:
        path, _ = pictures.find_file(said.code, kind)
        assert b"Secret" not in path.read_bytes()
        assert not kept(pictures, said.code, kind).getexif()
    if orientation == 3:
        assert kept(pictures, said.code).getpixel((5, 5))[2] > 200


async def test_text_chunks_of_a_png_are_dropped(pictures):
    about = PngInfo()
    about.add_text("Author", "Secret")
    said = await pictures.save(make_picture(pnginfo=about))
    path, _ = pictures.find_file(said.code, "original")
    assert b"Secret" not in path.read_bytes()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
async def test_every_pixel_mode_is_accepted(pictures, mode):
    image = Image.new(mode, (20, 10))
    out = io.BytesIO()
    image.save(out, "PNG")
    assert (await pictures.save(out.getvalue())).width == 20


async def test_first_frame_of_an_animation_is_stored(pictures):
    frames = [Image.new("RGB", (20, 10), colour) for colour in (RED, BLUE)]
    for format in ("PNG", "WEBP"):
        out = io.BytesIO()
        frames[0].save(out, format, save_all=True, append_images=frames[1:], lossless=True)
        said = await pictures.save(out.getvalue())
        image = kept(pictures, said.code)
        assert getattr(image, "n_frames", 1) == 1 and image.convert("RGB").getpixel((1, 1))[0] > 200


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"x",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a",
        make_picture("GIF"),
        make_picture("TIFF"),
    ],
)
async def test_other_formats_are_rejected(pictures, tmp_path, raw):
    with pytest.raises(InvalidImage) as refused:
        await pictures.save(raw)
    assert refused.value.code == "kind"
    assert not (tmp_path / "screenshots").exists()


async def test_truncated_image_is_rejected(pictures):
    raw = make_picture("JPEG")
    with pytest.raises(InvalidImage) as refused:
        await pictures.save(raw[: len(raw) // 2])
    assert refused.value.code == "damaged"


async def test_image_with_too_many_pixels_is_not_decoded(pictures):
    for size in ((12_000, 12_000), (7680, 4320), (20_000, 2)):
        bomb = io.BytesIO()
        Image.new("1", size).save(bomb, "PNG")
        assert len(bomb.getvalue()) < 50_000
        with pytest.raises(InvalidImage) as refused:
            await pictures.save(bomb.getvalue())
        assert refused.value.code == "pixels"


async def test_image_of_a_5k_screen_is_accepted(pictures):
    said = await pictures.save(make_picture("JPEG", (5120, 2880)))
    assert (said.width, said.height) == (5120, 2880)


def test_image_too_large_for_its_format_is_rejected():
    with pytest.raises(InvalidImage) as refused:
        encode(Image.new("RGB", (17_000, 1)), "webp")
    assert refused.value.code == "pixels"


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
async def test_any_damage_is_accepted_or_rejected(pictures, format):
    chance, whole = random.Random(format), make_picture(format, (60, 40))
    for _ in range(150):
        raw = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        try:
            said = await pictures.save(bytes(raw))
        except InvalidImage:
            continue
        assert pictures.find_file(said.code, "original")


async def test_delete_removes_the_files_of_one_image(pictures, tmp_path):
    one, other = await asyncio.gather(
        pictures.save(make_picture()), pictures.save(make_picture("JPEG"))
    )
    await pictures.delete(one.code)
    await pictures.delete(one.code)
    assert pictures.find_file(one.code, "small") is None
    assert len(files(tmp_path)) == 3 and pictures.find_file(other.code, "small")


async def test_orphaned_files_are_deleted(pictures, tmp_path):
    assert await pictures.delete_orphans(set()) == 0
    one, other = await pictures.save(make_picture()), await pictures.save(make_picture())
    (tmp_path / "screenshots" / f".{one.code}-small.webp.part").write_bytes(b"half")
    (tmp_path / "screenshots" / "notes.txt").write_bytes(b"somebody's own")
    assert await pictures.delete_orphans({one.code}) == 4
    assert files(tmp_path) == sorted(
        [
            "notes.txt",
            f"{one.code}-blurred.webp",
            f"{one.code}-original.png",
            f"{one.code}-small.webp",
        ]
    )
    assert pictures.find_file(other.code, "original") is None


@pytest.mark.parametrize("code", ["", "..", "../keys/coal", CODE[1:], CODE + "/x", CODE + "\n"])
@pytest.mark.parametrize("kind", [*KINDS, "other"])
def test_code_cannot_leave_the_folder(pictures, code, kind):
    assert pictures.find_file(code, kind) is None


def test_signature_is_valid_for_one_image_for_one_to_two_days(pictures, clock):
    first = pictures.sign(CODE)
    assert pictures.verify(CODE, first) and not pictures.verify("1" * 32, first)
    clock.now += 86_399
    assert pictures.sign(CODE) == first
    clock.now += 86_400
    assert pictures.sign(CODE) != first and pictures.verify(CODE, first)
    clock.now += 1
    assert not pictures.verify(CODE, first)
    assert not pictures.verify(CODE, "é")
