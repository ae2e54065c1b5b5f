"""A picture of noise that is the same each time: every codec has something to code, every test the same bytes."""

import random

from PIL import Image


def noise(size: tuple[int, int] = (20, 13), mode: str = "RGB", seed: int = 7) -> Image.Image:
    """Give a picture of `size` (width, height) pixels."""
    source = random.Random(seed)
    return Image.frombytes("RGB", size, bytes(source.randrange(256) for _ in range(3 * size[0] * size[1]))).convert(
        mode
    )
