"""An upright rendition of what the detectors' decoder does not open: HEIC and AVIF."""

from __future__ import annotations

import io

from PIL import Image

from photogate.errors import ImageRefused, Reason
from photogate.formats.limits import MAX_PIXELS

__all__ = ["render"]


def render(data: bytes) -> bytes:
    """Make a PNG of the primary picture: upright and of the same size, so that boxes in it are boxes of the photo.

    Parameters
    ----------
    data
        A stripped HEIC or AVIF file; its decoder turns it by ``irot`` and ``imir``.

    Raises
    ------
    ImageRefused
        If the decoder does not open it, or it has more pixels than we handle.
    """
    import pi_heif

    pi_heif.register_heif_opener()
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ImageRefused("Expected fewer pixels; found more", reason=Reason.TOO_MANY_PIXELS)
            out = io.BytesIO()
            image.convert("RGB").save(out, "PNG", compress_level=1)
            return out.getvalue()
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ImageRefused(
            f"Expected a picture that its decoder opens; found {type(error).__name__}", reason=Reason.CONVERT_FAILED
        ) from None
