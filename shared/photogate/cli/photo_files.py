"""Finding photos in files and folders, pairing each with the place of its result, and writing that whole or not."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import click

__all__ = ["pairs", "photos", "write_atomically"]


def photos(
    paths: Iterable[Path], unseen: Callable[[OSError], None] | None = None, apart: Path | None = None
) -> Iterator[Path]:
    """Give the files, and those within folders, in order.

    Hidden files and folders are left alone, links to folders are not followed, and links to files are.

    Parameters
    ----------
    unseen
        Told of each folder that cannot be listed.
    apart
        A folder whose files are not given: where the results go.
    """
    for _, path in _found(paths, unseen, apart):
        yield path


def _found(
    paths: Iterable[Path], unseen: Callable[[OSError], None] | None, apart: Path | None
) -> Iterator[tuple[Path, Path]]:
    """Give each photo with the place of its result within the folder of results."""
    for path in paths:
        if not path.is_dir():
            yield Path(path.name), path
            continue
        found: list[Path] = []
        for folder, folders, names in os.walk(path, onerror=unseen):
            here = Path(folder)
            folders[:] = [f for f in folders if not f.startswith(".") and (apart is None or here / f != apart)]
            found += [here / name for name in names if not name.startswith(".") and (here / name).is_file()]
        yield from ((photo.relative_to(path), photo) for photo in sorted(found))


def pairs(paths: Iterable[Path], out: Path | None, unseen: Callable[[OSError], None]) -> list[tuple[str, str]]:
    """Pair each photo with the file that its result goes to.

    Parameters
    ----------
    out
        Results go there under the same names, those of a folder in the same sub-folders; None to replace the photos.
        A link's photo is replaced, not the link.

    Raises
    ------
    click.UsageError
        Two results would have one name, a result would replace its photo, or `out` cannot be made.
    """
    if out is None:
        found = photos(paths, unseen)
        return [(str(photo), os.path.realpath(photo) if photo.is_symlink() else str(photo)) for photo in found]
    placed = [(photo, out / place) for place, photo in _found(paths, unseen, out)]
    if more := len(placed) - len({target for _, target in placed}):
        raise click.UsageError(f"{more} results would have the name of another; strip their folders one by one.")
    real = cache(Path.resolve)  # it asks the system about each part of a path
    if any(photo.name == target.name and real(photo.parent) == real(target.parent) for photo, target in placed):
        raise click.UsageError("--out is the inputs' own folder; use --in-place to replace them.")
    for parent in {out, *(target.parent for _, target in placed)}:
        try:
            parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise click.UsageError(f"--out cannot be made: {error.strerror}.") from None
    return [(str(photo), str(target)) for photo, target in placed]


def write_atomically(path: Path, data: bytes, like: Path | None = None) -> None:
    """Write beside the target and rename, so that a half-written photo is never seen.

    The time of the last change becomes that of writing, and extended attributes are not taken over: they are metadata
    too (when the photo was taken, where it was downloaded).

    Parameters
    ----------
    like
        A file whose permissions the new one has; by default those that the system gives new files.

    Raises
    ------
    OSError
        Nothing was written then, and what was there before still is.
    """
    beside = path.with_name(f".{path.name[:100]}.{os.getpid()}.photogate")
    try:
        with beside.open("xb", buffering=0) as file:
            if like is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(like.stat().st_mode))
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
