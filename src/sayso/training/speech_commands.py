"""The whole of Speech Commands v0.02, from its public address into a folder of words.

Warden 2018, https://arxiv.org/abs/1804.03209, licensed CC BY 4.0: 105,829 recordings of 35 words.
"""

import gzip
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from sayso.errors import DataError
from sayso.training.fetch import fetch, sha256_of, writing_to

URL = "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz"
# As published by TensorFlow Datasets (datasets/speech_commands/checksums.tsv, 2,428,923,189 bytes) and by
# torchaudio (datasets/speechcommands.py).
SHA256 = "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"

MAX_ARCHIVE_BYTES = 4 * 2**30
MAX_UNPACKED_BYTES = 8 * 2**30  # the recordings are 3.4 GB
MAX_FILES = 200_000

_COMPLETE = ".complete"  # in the folder: the checksum of the archive it was unpacked from
_MAX_READ_BYTES = 1 << 24  # at once: a header that claims more is hostile


def download(target: Path, *, url: str = URL, sha256: str = SHA256) -> Path:
    """Download, check and unpack the data set.

    Called again after an interruption, at whatever point, it goes on; called on a folder it has completed, it
    does nothing. What is under way lies beside `target`, which appears only when it is whole; the archive is
    deleted then. An archive named as `target`, with `.tar.gz`, is taken instead of downloading one.

    Args:
        target: the folder to make.
        url: of a gzipped tar archive with one folder of recordings per word.
        sha256: of the archive, in hexadecimal digits.

    Returns:
        `target`.

    Raises:
        DataError: the folder holds something else, the archive cannot be downloaded, is another than the one
            expected or cannot be unpacked safely, or the disk is full or cannot be written to.

    """
    target = target.absolute()
    with writing_to(target.parent):
        if _is_complete(target, sha256):
            return target
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise DataError(f"{target} exists already and was not made by this download: name a new folder.")
        target.parent.mkdir(parents=True, exist_ok=True)
        archive = target.with_name(target.name + ".tar.gz")
        if archive.exists():
            _verify(archive, sha256)
        else:
            partial = archive.with_name(archive.name + ".partial")
            fetch(url, partial, max_bytes=MAX_ARCHIVE_BYTES)
            try:
                _verify(partial, sha256)
            except DataError:
                partial.unlink()  # going on with it would only make it longer
                raise
            partial.rename(archive)
        unpacked = target.with_name(target.name + ".unpacking")
        shutil.rmtree(unpacked, ignore_errors=True)  # of an interrupted call
        unpack(archive, unpacked)
        (unpacked / _COMPLETE).write_text(sha256.lower() + "\n", encoding="ascii")
        if target.exists():
            target.rmdir()
        unpacked.rename(target)
        archive.unlink()
    return target


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a gzipped tar archive whose content nobody vouches for.

    Args:
        archive: may hold files and folders, of relative names without `..`, and nothing else.
        folder: a new one.

    Raises:
        DataError: the archive holds anything else, more than `MAX_FILES` files or `MAX_UNPACKED_BYTES` bytes,
            or is damaged; or the disk is full or cannot be written to.

    """
    with writing_to(folder):
        folder.mkdir()
        try:
            with _BoundedGzipFile(archive) as content, tarfile.open(fileobj=content, mode="r:") as tar:
                tar.errorlevel = 2  # every failure is an exception
                for member in _checked(tar, archive):
                    tar.extract(member, folder, set_attrs=False, filter="data")
        except BaseException as error:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, tarfile.TarError | gzip.BadGzipFile | EOFError | zlib.error | ValueError):
                raise DataError(f"{archive} is damaged: delete it and download it again.") from error
            raise


class _BoundedGzipFile(gzip.GzipFile):
    """A gzip file that is not read in pieces larger than honest archives need."""

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _MAX_READ_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return super().read(size)


def _checked(tar: tarfile.TarFile, archive: Path) -> Iterator[tarfile.TarInfo]:
    """The members of an archive, each after a look at its name, kind and size."""
    size = 0
    for count, member in enumerate(tqdm(tar, desc="unpacking", unit="file", disable=None), start=1):
        if not (member.isfile() or member.isdir()):
            raise _unsafe(archive, f"{member.name!r} is neither a file nor a folder")
        path = Path(member.name)
        if path.is_absolute() or ".." in path.parts or "\\" in member.name or path.drive:
            raise _unsafe(archive, f"{member.name!r} lies outside of it")
        size += member.size
        if size > MAX_UNPACKED_BYTES or count > MAX_FILES:
            raise _unsafe(
                archive, f"it holds more than {MAX_UNPACKED_BYTES / 1e9:.1f} GB or {MAX_FILES} files"
            )
        yield member


def _unsafe(archive: Path, reason: str) -> DataError:
    return DataError(f"{archive} was not unpacked: {reason}. Do not use this archive.")


def _verify(archive: Path, sha256: str) -> None:
    found = sha256_of(archive)
    if found != sha256.lower():
        raise DataError(
            f"{archive.name} is damaged or another archive than expected "
            f"(its SHA-256 is {found}, not {sha256}): download it again, or check the address."
        )


def _is_complete(folder: Path, sha256: str) -> bool:
    marker = folder / _COMPLETE
    return marker.is_file() and marker.read_text(encoding="ascii", errors="replace").strip() == sha256.lower()
