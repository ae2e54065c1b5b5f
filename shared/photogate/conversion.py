"""An upright rendition of what the detectors' decoder does not open: HEIC and AVIF."""

from __future__ import annotations

import io

from PIL import Image, ImageOps

from photogate.errors import ImageRefused, Reason
from photogate.formats import measure
from photogate.formats.limits import MAX_PIXELS

__all__ = ["render"]


def render(data: bytes) -> bytes:
    """Make a PNG of the primary picture: upright and of the same size, so that boxes in it are boxes of the photo.

    Parameters
    ----------
    data
        A stripped HEIC or AVIF file. libheif turns the picture by ``irot`` and ``imir`` itself; Pillow's AVIF decoder
        tells them as an Exif orientation, which is applied here.

    Raises
    ------
    ImageRefused
        If the decoder does not open it, it has more pixels than we handle, or more than one picture.
    """
    import pi_heif

    pi_heif.register_heif_opener()
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ImageRefused("Expected fewer pixels; found more", reason=Reason.TOO_MANY_PIXELS)
            if max(getattr(image, "n_frames", 1), measure(data).frames) != 1:
                # A rendition is one picture: what it does not show would be stored unseen.
                raise ImageRefused("Expected a single picture; found several", reason=Reason.TOO_MANY_FRAMES)
            out = io.BytesIO()
            upright = ImageOps.exif_transpose(image)
            # What transparency draws must be seen too.
            upright.convert("RGBA" if "A" in upright.getbands() else "RGB").save(out, "PNG", compress_level=1)
            return out.getvalue()
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ImageRefused(
            f"Expected a picture that its decoder opens; found {type(error).__name__}", reason=Reason.CONVERT_FAILED
        ) from None
