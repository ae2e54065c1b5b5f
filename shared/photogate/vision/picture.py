"""Open a photo's file as upright pictures, the way a viewer would show it, and every other way it can be shown.

The file has been stripped, so its orientation comes along separately. Detection must see whatever somebody else could
see: every frame of an animation, and what a transparent layer covers as well as what it shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from photogate.errors import DetectionFailed, ImageRefused, Reason
from photogate.formats import measure
from photogate.vision.boxes import Image

__all__ = ["MAX_FRAMES", "MAX_PIXELS", "as_bgr", "open_upright", "open_views", "upright"]

# What a function of 1,769 MB can hold decoded, and look at within its time; bench/detect_cost.py prints both.
MAX_PIXELS = 50 * 1024 * 1024
MAX_FRAMES = 100
MAX_PIXELS_OVER_FRAMES = 2 * MAX_PIXELS
ANIMATED = (b"GIF8", b"RIFF", b"\x89PNG")
PAGED = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# What vanishes on one of them shows on the other.
BACKGROUNDS = (0, 255)
ROWS = 256

# What OpenCV would print about a damaged file is said by the error instead.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def open_upright(data: bytes, *, orientation: int) -> Image:
    """Decode a photo's first frame and turn it upright.

    Parameters
    ----------
    data
        The file; what an Exif block in it says about orientation is ignored.
    orientation
        Exif orientation, 1 to 8 (Exif 2.32, 4.6.4 A).

    Returns
    -------
    ndarray
        (H, W, 3), uint8, BGR; what is transparent is laid on black.

    Raises
    ------
    ImageRefused
        If OpenCV cannot decode it, or it is beyond the limits.
    """
    return next(open_views(data, orientation=orientation))


def open_views(data: bytes, *, orientation: int) -> Iterator[Image]:
    """Decode every frame, upright; where something is transparent on black, on white and with its hidden colours.

    Parameters and errors as `open_upright`.
    """
    if orientation not in range(1, 9):
        raise ImageRefused(f"Expected an orientation from 1 to 8; found {orientation}")
    measured = measure(data)
    _check_limits(measured.width * measured.height, measured.frames)
    if data.startswith(PAGED) and orientation != 1:
        # OpenCV turns a TIFF itself, wholly or in part, by its depth: nothing sure can be said of where things are.
        raise DetectionFailed("Expected a TIFF that is stored upright; found one to be turned")
    frames = _decoded(data)
    if len(frames) < measured.frames:
        raise DetectionFailed("Expected to see every frame; found fewer than the file has")
    # What was decoded counts, whatever the headers say.
    _check_limits(max(frame.shape[0] * frame.shape[1] for frame in frames), len(frames))
    for frame in frames:
        for view in as_bgr(frame):
            yield upright(view, orientation)


def _decoded(data: bytes) -> list[NDArray[Any]]:
    buffer = np.frombuffer(data, np.uint8)[None]  # a row: OpenCV's WebP reader takes no column
    try:
        if data.startswith(ANIMATED):
            read, animation = cv2.imdecodeanimation(buffer, start=0, count=MAX_FRAMES + 1)
            frames = list(animation.frames) if read else []
            # An APNG's default picture need not be part of the animation; viewers that do not animate show it.
            still = animation.still_image if read else None
            if still is not None and still.size:
                frames.append(still)
        elif data.startswith(PAGED):
            read, pages = cv2.imdecodemulti(buffer, cv2.IMREAD_UNCHANGED)
            frames = list(pages) if read else []
        else:
            frame = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
            frames = [] if frame is None else [frame]
    except cv2.error:
        frames = []
    if not frames:
        raise ImageRefused("Expected a picture that OpenCV can decode; found none", reason=Reason.NOT_AN_IMAGE)
    return frames


def _check_limits(pixels: int, frames: int) -> None:
    if pixels > MAX_PIXELS:
        raise ImageRefused(f"Expected at most {MAX_PIXELS} pixels; found {pixels}", reason=Reason.TOO_MANY_PIXELS)
    if frames > MAX_FRAMES:
        raise ImageRefused(f"Expected at most {MAX_FRAMES} frames; found {frames}", reason=Reason.TOO_MANY_FRAMES)
    if pixels * frames > MAX_PIXELS_OVER_FRAMES:
        found = f"{frames} frames of {pixels} pixels"
        raise ImageRefused(
            f"Expected at most {MAX_PIXELS_OVER_FRAMES} pixels over all frames; found {found}",
            reason=Reason.TOO_MANY_PIXELS,
        )


def as_bgr(frame: NDArray[Any]) -> Iterator[Image]:
    """Bring a decoded frame of any depth and number of channels to 8-bit BGR, one way of showing it after the other.

    Parameters
    ----------
    frame
        (H, W) or (H, W, 1 to 4); uint8 or uint16.

    Yields
    ------
    ndarray
        (H, W, 3), uint8: one picture; for a frame with transparent pixels on black, on white, and its bare colours.

    Raises
    ------
    ImageRefused
        If it is none of these.
    """
    if frame.dtype == np.uint16:
        frame = cv2.convertScaleAbs(frame, alpha=1 / 257)
    elif frame.dtype != np.uint8:
        raise ImageRefused(f"Expected 8 or 16 bits a channel; found {frame.dtype}")
    if frame.ndim == 2:
        frame = frame[:, :, None]
    channels = frame.shape[2]
    if channels not in (1, 2, 3, 4):
        raise ImageRefused(f"Expected 1 to 4 channels; found {channels}")
    if channels in (2, 4) and frame[:, :, -1].min() < 255:
        for background in BACKGROUNDS:
            yield _laid_on(background, frame)
    yield np.ascontiguousarray(_colours(frame))


def _colours(frame: Image) -> Image:
    return frame[:, :, :3] if frame.shape[2] >= 3 else np.repeat(frame[:, :, :1], 3, axis=2)


def _laid_on(background: int, frame: Image) -> Image:
    """Lay a frame with alpha on black (0) or white (255), a few rows at a time: three planes of alpha need memory."""
    shown = np.empty((*frame.shape[:2], 3), np.uint8)
    for top in range(0, len(frame), ROWS):
        rows = frame[top : top + ROWS]
        alpha = np.repeat(rows[:, :, -1:], 3, axis=2)
        on_black = cv2.multiply(np.ascontiguousarray(_colours(rows)), alpha, scale=1 / 255)
        shown[top : top + ROWS] = cv2.add(on_black, background - alpha) if background else on_black
    return shown


def upright(image: Image, orientation: int) -> Image:
    """Turn a stored picture the way its Exif orientation says it is to be seen.

    Parameters
    ----------
    image
        (H, W, 3), as stored.
    orientation
        1 to 8.
    """
    match orientation:
        case 2:
            image = image[:, ::-1]
        case 3:
            image = image[::-1, ::-1]
        case 4:
            image = image[::-1]
        case 5:
            image = image.transpose(1, 0, 2)
        case 6:
            image = image.transpose(1, 0, 2)[:, ::-1]
        case 7:
            image = image.transpose(1, 0, 2)[::-1, ::-1]
        case 8:
            image = image.transpose(1, 0, 2)[::-1]
    return np.ascontiguousarray(image)
