"""Every bound that the parsers keep, with its reason. A file beyond one is refused, never cut down to fit.

The numbers are far above what cameras, phones and editors write, and low enough that the worst file within them costs
less than a second and a small multiple of its size.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "CHECKED_OPENING",
    "MAX_BLANK_PIXELS",
    "MAX_BOXES",
    "MAX_CHECKED_PIXELS",
    "MAX_CHECKED_PIXELS_A_BYTE",
    "MAX_CHECKED_PIXELS_TOTAL",
    "MAX_CHECKED_WEBP",
    "MAX_CHECKED_WEBP_A_BYTE",
    "MAX_CHECKED_WHOLE",
    "MAX_CHECKED_WHOLE_A_BYTE",
    "MAX_CHUNKS",
    "MAX_CLEARED_ROWS",
    "MAX_DECODED",
    "MAX_DECODED_A_BYTE",
    "MAX_DECODED_FAX",
    "MAX_DECODED_FAX_A_BYTE",
    "MAX_DECODED_SMALL",
    "MAX_DECODED_SMALL_A_BYTE",
    "MAX_DIMENSION",
    "MAX_ENTRIES_READ",
    "MAX_EXIF_ENTRIES",
    "MAX_FOLLOWED",
    "MAX_FOLLOWED_A_BYTE",
    "MAX_FRAMES",
    "MAX_FRAME_HEADER",
    "MAX_FRAME_PIXELS_TOTAL",
    "MAX_ICC_BYTES",
    "MAX_ICC_TAGS",
    "MAX_IFDS",
    "MAX_INFLATED_IMAGE",
    "MAX_INFLATED_STRIP",
    "MAX_INFLATED_TEXT",
    "MAX_INFLATION",
    "MAX_JPEG_STRIPS",
    "MAX_JPEG_TABLES",
    "MAX_MARK_BYTES",
    "MAX_NESTING",
    "MAX_PAGE_ENTRIES",
    "MAX_PARAMETER_SET",
    "MAX_PARAMETER_SETS",
    "MAX_PARTS",
    "MAX_PARTS_WITHIN",
    "MAX_PIXELS",
    "MAX_PIXELS_A_CODED_BYTE",
    "MAX_RAW_PROFILE",
    "MAX_RESTARTS",
    "MAX_RIGHTS_BYTES",
    "MAX_RUNS",
    "MAX_SCANS",
    "MAX_SEGMENTS",
    "MAX_SHORT_LZW_RUNS",
    "MAX_SLOW_LZW",
    "MAX_SLOW_SCAN",
    "MAX_STRIPS",
    "MAX_STRIP_BYTES",
    "MAX_STRIP_INFLATION",
    "MAX_SUB_BLOCKS",
    "MAX_TEXT_SEARCHED",
    "MAX_TIFF_ENTRIES",
    "MAX_UNFILTERED",
    "MAX_UNITS",
    "MAX_VALUE_READS",
    "PIXELS_A_SCAN_DECODE",
    "SHORT_LZW_RUN_BYTES",
    "checked_pixels",
    "checked_webp_pixels",
    "checked_whole_pixels",
    "coded_pixels",
    "decoded_bytes",
    "decoded_pixels",
    "followed_bytes",
    "short_lzw_runs",
    "strip_bytes",
]

# A 200-megapixel phone sensor is the largest in use; decoded at 4 bytes a pixel that is 1 GB, what a function may hold.
MAX_PIXELS: Final = 268_435_456

# JPEG's frame header and GIF's screen hold 16-bit sides; a longer side in PNG, TIFF or HEIF is a bomb, or a panorama
# that no decoder behind us opens.
MAX_DIMENSION: Final = 65_535

# An animation that people send has tens to hundreds of frames. 10,000 frames of one pixel cost a decoder seconds.
MAX_FRAMES: Final = 2_000

# Frames times pixels: what a decoder really touches.
MAX_FRAME_PIXELS_TOTAL: Final = 4 * MAX_PIXELS

# Marker segments before the image is complete: extended XMP of 100 MB would need 1,600; 8 MB of empty COM
# has 2 million.
MAX_SEGMENTS: Final = 4_096

# Progressive scripts have about 10 scans; the standard's finest useful split about 200. Each further scan costs a
# decoder one pass over all coefficients.
MAX_SCANS: Final = 256

# Restart intervals: files in use have one a row or one a few MCUs; of one MCU each these are 67 megapixels. Where each
# begins and ends takes 200 bytes.
MAX_RESTARTS: Final = 262_144

# Pixels over all decodes that look for hidden bytes, intervals and scans together, with the scans that they refine: 12
# times those of a progressive photo of 10 scans. Each costs 2 ns. A small file may have as many as take a second: a
# progressive photo of nothing of 33 megapixels; the largest that has a byte for 10 pixels is one of 80 megapixels.
MAX_CHECKED_PIXELS: Final = 402_653_184
MAX_CHECKED_PIXELS_A_BYTE: Final = 128
MAX_CHECKED_PIXELS_TOTAL: Final = 1_073_741_824

# What a decoder's start costs, 30 microseconds, as pixels of the same time; with each scan that goes before.
PIXELS_A_SCAN_DECODE: Final = 15_000

# The same for AVIF and WebP, of which each pixel costs 10 ns and more: six decodes of a photo of nothing of 16
# megapixels, or twenty of a photo that has a byte for 20 pixels.
MAX_CHECKED_WHOLE: Final = 100_663_296
MAX_CHECKED_WHOLE_A_BYTE: Final = 384

# In WebP a coded byte costs as much as six pixels. An honest frame takes five decodes, and one of too few bytes costs a
# third. libwebp writes a byte for 561 pixels at most where it is lossy. So that pages and animations of little pass,
# 1,536 may be decoded a byte, up to 2.5 s; what takes longer must be a photo.
MAX_CHECKED_WEBP_A_BYTE: Final = 1_536
MAX_CHECKED_WEBP: Final = 268_435_456

# Pixels of a WebP's frame before one is decoded, which takes 16 bytes of memory for each: those of the largest screens
# and of most cameras, which may be of one colour in 32 bytes, or those of a larger page that has some text.
MAX_BLANK_PIXELS: Final = 25_165_824
MAX_PIXELS_A_CODED_BYTE: Final = 2_048

# What opening an AVIF for one such decode takes, as pixels: half a millisecond.
CHECKED_OPENING: Final = 49_152


def checked_whole_pixels(size: int) -> int:
    """Give how many pixels may be decoded to look for hidden bytes in an AVIF of `size` bytes."""
    return min(max(MAX_CHECKED_WHOLE, MAX_CHECKED_WHOLE_A_BYTE * size), MAX_CHECKED_PIXELS_TOTAL)


def checked_webp_pixels(size: int) -> int:
    """Give how many pixels may be decoded to look for hidden bytes in a WebP of `size` bytes."""
    return max(checked_whole_pixels(size), min(MAX_CHECKED_WEBP_A_BYTE * size, MAX_CHECKED_WEBP))


def coded_pixels(size: int) -> int:
    """Give how many pixels a WebP's frame may have that is coded in `size` bytes."""
    return max(MAX_BLANK_PIXELS, MAX_PIXELS_A_CODED_BYTE * size)


def checked_pixels(size: int) -> int:
    """Give how many pixels may be decoded to look for hidden bytes in a file of `size` bytes."""
    return min(max(MAX_CHECKED_PIXELS, MAX_CHECKED_PIXELS_A_BYTE * size), MAX_CHECKED_PIXELS_TOTAL)


# Bytes of a file's scans that only our own decoder can follow (odd sampling, damage): it reads 2 MB/s.
MAX_SLOW_SCAN: Final = 2 * 1024 * 1024

# Bytes of PNG rows of less than 8 bits a pixel whose filters our own code undoes, at 7 MB/s and more. Encoders leave
# such rows unfiltered. And rows of which the bits behind the last pixel are looked at one by one, which costs 2
# microseconds: the tallest picture, interlaced, has 120,000.
MAX_UNFILTERED: Final = 4 * 1024 * 1024
MAX_CLEARED_ROWS: Final = 262_144

# Bytes of filtered rows of palette pictures, over all frames, that are decoded to see which colours they use, until all
# are found: up to 7 ns each. A small file may have as many as the largest picture that Pillow opens, 13,377 x 13,377.
MAX_FOLLOWED: Final = 184_549_376
MAX_FOLLOWED_A_BYTE: Final = 32

# GIF sub-blocks hold 255 bytes, but for the last of an image; a file of one-byte sub-blocks has one every two bytes.
MAX_SUB_BLOCKS: Final = 1_048_576

# Clear codes that come while a GIF's LZW table is not half full, in runs that cannot be read together, over all images.
# Encoders clear a full table; each such run costs 60 microseconds. Large images may have one each so many bytes.
MAX_SHORT_LZW_RUNS: Final = 8_192
SHORT_LZW_RUN_BYTES: Final = 1_024

# Bytes of LZW codes, over all images, that only our own loop can read (one bit a pixel coded as such, or no numpy):
# 1 MB/s to 4 MB/s.
MAX_SLOW_LZW: Final = 1_048_576

# PNG and WebP chunks, GIF blocks: IDAT pieces of 8 KiB in a 500 MB file are 64,000.
MAX_CHUNKS: Final = 65_536

# Boxes and items of a HEIF file: a 200-megapixel grid of 512-pixel tiles has about 800 items.
MAX_BOXES: Final = 16_384

# Boxes within boxes: `meta/iprp/ipco/...` is 4 deep.
MAX_NESTING: Final = 12

# Pages and sub-images of a TIFF.
MAX_IFDS: Final = 4_096

# Entries of one directory of a TIFF, and of all: 2,000 pages have about 30,000.
MAX_PAGE_ENTRIES: Final = 4_096
MAX_TIFF_ENTRIES: Final = 131_072

# How often a byte of a TIFF may be read as a tag's value, on average. Writers give each page its own values, which are
# read up to four times; pages that share one of 16 MB could have it read thousands of times.
MAX_VALUE_READS: Final = 8

# Run-length codes of a BMP: each costs up to a microsecond. A screen of 4 megapixels has some 100,000.
MAX_RUNS: Final = 524_288

# Strips and tiles of a TIFF, all pages together: 268 megapixels in tiles of 64 x 64 are 65,536.
MAX_STRIPS: Final = 131_072

# Those in JPEG, each a file of its own that takes 200 microseconds: 268 megapixels in tiles of 256 x 256 are 4,096. And
# the tables that they share: four of 129 bytes for quantization, eight of 273 for Huffman codes, and markers.
MAX_JPEG_STRIPS: Final = 8_192
MAX_JPEG_TABLES: Final = 4_096

# What one strip or tile may decode to, if that is more than 8 times its size: a page of 4,700 x 4,700 in RGB, which may
# be blank; and of 7,700 x 7,700 if it is not more than 16 times its size.
MAX_STRIP_BYTES: Final = 64 * 1024 * 1024
MAX_INFLATED_STRIP: Final = 170 * 1024 * 1024
MAX_STRIP_INFLATION: Final = 16

# What all strips and tiles of a TIFF may decode to, each byte of which takes 13 ns in two looks: a blank page of A4 in
# RGB at 600 dots an inch, which Zstandard codes in 50 KB. LZW in strips of 64 KB reaches 82 times its size; what is
# longer than 4 MB has other pages than blank ones.
MAX_DECODED: Final = 128 * 1024 * 1024
MAX_DECODED_SMALL: Final = 512 * 1024 * 1024
MAX_DECODED_SMALL_A_BYTE: Final = 128
MAX_DECODED_A_BYTE: Final = 32

# The same in pixels of CCITT, each of which takes 8 ns: a blank page of A0 at 300 dots an inch has 139 megapixels, and
# drawings and pages of text have 300 to 1,500 for a byte.
MAX_DECODED_FAX: Final = 192 * 1024 * 1024
MAX_DECODED_FAX_A_BYTE: Final = 2_048

# Units (NAL or OBU) of all coded pictures of a HEIF file, of which each takes up to 20 microseconds: 2,000 frames of 16
# each, or 1,000 tiles of 32. HEVC parameter sets, of 30 microseconds: three for each of 2,000 pictures. Bytes of such a
# set: scaling lists of all sizes are 1.1 kB, and with them, tiles and reference sets it stays far below. And of an AV1
# frame header: with tile sizes, segmentation, restoration, motion and film grain at their longest it stays below
# (AV1 5.9).
MAX_UNITS: Final = 32_768
MAX_PARAMETER_SETS: Final = 8_192
MAX_PARAMETER_SET: Final = 8_192
MAX_FRAME_HEADER: Final = 1_024

# Entries of all directories of one Exif block: maker notes aside, cameras write about 120.
MAX_EXIF_ENTRIES: Final = 4_096

# Entries and IPTC data sets of all blocks of a file that are counted by what they say; of further blocks only the
# orientation is read. Each costs 2 microseconds.
MAX_ENTRIES_READ: Final = 16_384

# Bytes of text of a file that are searched for property names and generators, and of one text field: generators sign
# early. Searching takes 20 ms a megabyte.
MAX_TEXT_SEARCHED: Final = 1_048_576
MAX_MARK_BYTES: Final = 16_384

# Parts of a file that an inspection shows side by side, and within them: names, records, directories' entries, frames'
# blocks. A photo has some hundreds. Each costs up to 40 microseconds; what is beyond is shown as one part.
MAX_PARTS: Final = 16_384
MAX_PARTS_WITHIN: Final = 8_192

# The largest profiles in use (six-ink printers) are 3 MB.
MAX_ICC_BYTES: Final = 16 * 1024 * 1024
MAX_ICC_TAGS: Final = 256

# What the compressed texts of a file, or its profile, may inflate to; a zlib bomb reaches 1,000 times its size.
MAX_INFLATED_TEXT: Final = 16 * 1024 * 1024

# What the image data of a PNG may inflate to, unless it is at most MAX_INFLATION times the file: 100 megapixels of one
# colour in RGBA. Inflating takes about 2 s a GB, and zlib reaches 1,000 times the size; photos reach 10 times.
MAX_INFLATED_IMAGE: Final = 402_653_184
MAX_INFLATION: Final = 64

# Hexadecimal digits of a raw profile in PNG's text that are read for the report and the orientation.
MAX_RAW_PROFILE: Final = 4 * 1024 * 1024

# One kept rights field (copyright, creator), in bytes of UTF-8.
MAX_RIGHTS_BYTES: Final = 4_096


def followed_bytes(size: int) -> int:
    """Give how many bytes of filtered rows may be decoded of a palette picture in a file of `size` bytes."""
    return max(MAX_FOLLOWED, MAX_FOLLOWED_A_BYTE * size)


def strip_bytes(size: int) -> int:
    """Give how many bytes a strip or tile of a TIFF may decode to that has `size` bytes."""
    return max(MAX_STRIP_BYTES, min(MAX_STRIP_INFLATION * size, MAX_INFLATED_STRIP), 8 * size)


def short_lzw_runs(size: int) -> int:
    """Give how many runs of a GIF's LZW codes may be cleared early in the first `size` bytes of them."""
    return max(MAX_SHORT_LZW_RUNS, size // SHORT_LZW_RUN_BYTES)


def decoded_bytes(size: int) -> int:
    """Give how many bytes all strips and tiles of a TIFF of `size` bytes may decode to."""
    few = min(MAX_DECODED_SMALL_A_BYTE * size, MAX_DECODED_SMALL)
    return max(MAX_DECODED, few, MAX_DECODED_A_BYTE * size)


def decoded_pixels(size: int) -> int:
    """Give how many pixels of CCITT all strips and tiles of a TIFF of `size` bytes may decode to."""
    return max(MAX_DECODED_FAX, MAX_DECODED_FAX_A_BYTE * size)
