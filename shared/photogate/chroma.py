"""A JPEG's chroma as it is stored, computed back from what a decoder made of it.

A decoder draws subsampled chroma with a triangle filter (libjpeg's "fancy upsampling": of two pixels that share a
sample each takes 3/4 of it and 1/4 of the neighbour on its side), and an encoder averages the pixels of a sample. One
after the other they blur: a photo that is decoded and encoded once more loses up to 10 dB of what its own
quantization would give. The filter is known, so it is undone here, and the encoder finds the samples that there were.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["restore"]

# Of a sample's mean over its two pixels: its own share, and that of the neighbour on either side.
OWN, NEIGHBOUR = 0.75, 0.125
# Each round leaves a third of the error (2 * NEIGHBOUR / OWN).
ROUNDS = 4


def restore(plane: NDArray[np.uint8], across: int, down: int) -> NDArray[np.uint8]:
    """Give a chroma plane in which all pixels of a sample have the value that was stored for it.

    Parameters
    ----------
    plane
        Cb or Cr as decoded, height by width.
    across, down
        Pixels that share a sample in each direction: 1 or 2.

    Returns
    -------
    ndarray
        Of the same shape: an encoder that averages gets back the stored samples, but for rounding.
    """
    height, width = plane.shape
    samples = plane.astype(np.float32)
    if down == 2:
        samples = _samples(samples)
    if across == 2:
        samples = _samples(samples.T).T
    whole = np.clip(np.rint(samples), 0, 255).astype(np.uint8)
    return np.repeat(np.repeat(whole, down, axis=0)[:height], across, axis=1)[:, :width]


def _samples(drawn: NDArray[Any]) -> NDArray[np.float32]:
    """Undo the filter along the first axis: from n pixels to the n / 2 samples, rounded up, that they show."""
    odd = len(drawn) % 2
    mean = np.concatenate([(drawn[0 : len(drawn) - odd : 2] + drawn[1::2]) / 2, drawn[len(drawn) - odd :]])
    if len(mean) == 1:
        return mean
    samples, around, mean = mean, np.empty_like(mean), mean / OWN
    for _ in range(ROUNDS):
        # Beyond the picture's edge libjpeg takes the sample at the edge itself.
        around[0], around[-1] = samples[0] + samples[1], samples[-2] + samples[-1]
        np.add(samples[:-2], samples[2:], out=around[1:-1])
        if odd:  # the pixel that leans the other way is not there
            around[-1] = 2 * samples[-2]
        around *= -NEIGHBOUR / OWN
        around += mean
        samples, around = around, samples
    return samples
