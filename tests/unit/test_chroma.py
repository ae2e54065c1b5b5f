"""A JPEG that is decoded and written again with its own tables shows what it showed before."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from photogate.chroma import restore

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]


def colourful(width: int, height: int) -> bytes:
    """Make a picture whose colour changes from sample to sample."""
    rng = np.random.default_rng(width * 1000 + height)
    small = Image.fromarray(rng.integers(60, 190, (-(-height // 4), -(-width // 4), 3), np.uint8))
    out = io.BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).save(out, "PPM")
    return out.getvalue()


def stored(data: bytes) -> tuple[Pixels, Image.Image]:
    """Decode a JPEG to luma and chroma, without a detour over RGB."""
    image = Image.open(io.BytesIO(data))
    image.draft("YCbCr", None)
    return np.array(image), image


def written(pixels: Pixels, like: Image.Image) -> bytes:
    """Encode with the tables and sampling of another."""
    assert isinstance(like, JpegImagePlugin.JpegImageFile)
    out = io.BytesIO()
    image = Image.frombytes("YCbCr", like.size, pixels.tobytes())
    image.save(out, "JPEG", qtables=like.quantization, subsampling=JpegImagePlugin.get_sampling(like))
    return out.getvalue()


@pytest.mark.parametrize("size", [(64, 48), (63, 48), (64, 47), (33, 35), (17, 1), (2, 2), (1, 9)])
@pytest.mark.parametrize(("sampling", "down"), [(1, 1), (2, 2)])
def test_chroma_survives_decoding_and_encoding(size: tuple[int, int], sampling: int, down: int) -> None:
    out = io.BytesIO()
    Image.open(io.BytesIO(colourful(*size))).save(out, "JPEG", quality=95, subsampling=sampling)
    before, image = stored(out.getvalue())
    pixels = before.copy()
    for channel in (1, 2):
        pixels[..., channel] = restore(pixels[..., channel], 2, down)

    after, _ = stored(written(pixels, image))

    assert int(np.abs(after.astype(int) - before).max()) <= 4


def test_it_would_not_survive_unrestored() -> None:
    out = io.BytesIO()
    Image.open(io.BytesIO(colourful(64, 48))).save(out, "JPEG", quality=95, subsampling=2)
    before, image = stored(out.getvalue())
    after, _ = stored(written(before, image))
    assert int(np.abs(after.astype(int) - before).max()) > 8
