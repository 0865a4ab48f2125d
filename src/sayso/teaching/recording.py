"""Recording words from a microphone: prompts, counts down, listens, checks, saves in the field's layout."""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sayso import audio
from sayso.errors import AudioError, TeachingError
from sayso.teaching import recordings
from sayso.teaching.hearing import check_word

ATTEMPTS = 3  # at a take, before the next one is tried

_COUNT = ("3 …", "2 …", "1 …")
_BEAT_SECONDS = 0.6
_BREATH_SECONDS = 0.3  # of sound before and after the word

Samples = NDArray[np.float32]


class Session:
    """Takes of words by one speaker."""

    def __init__(self, folder: Path, speaker: str, seconds: float, tell: Callable[[str], None]) -> None:
        """Prepare to record.

        Args:
            folder: where each word gets its folder.
            speaker: part of the files' names.
            seconds: how long a take is listened to.
            tell: says what to do.

        Raises:
            TeachingError: a speaker's name that cannot be part of a file's name.

        """
        if not re.fullmatch(r"[A-Za-z0-9-]{1,40}", speaker):
            raise TeachingError(
                f"The speaker {speaker!r} cannot be part of a file's name: use letters and digits."
            )
        self.folder, self.speaker, self.seconds, self.tell = folder, speaker, seconds, tell

    def record(
        self,
        words: Sequence[str],
        takes: int,
        chunks: Iterator[Samples],
        rate: int,
        play: Callable[[Samples, int], None] | None = None,
    ) -> Iterator[Path]:
        """Record some takes of each word.

        Args:
            words: what is said.
            takes: of each, besides those that are there.
            chunks: endless sound of the microphone.
            rate: of the sound, in hertz.
            play: plays a take.

        Yields:
            the file of each take, as it is saved.

        Raises:
            TeachingError: a word that cannot be one, or a folder that cannot be written.
            AudioError: the microphone fails.

        """
        for word in words:
            check_word(word)
        for word in words:
            for take in range(1, takes + 1):
                samples = self._take(word, f"{take} of {takes}", chunks, rate)
                if samples is None:
                    self.tell(f"Left out after {ATTEMPTS} attempts.")
                    continue
                if play is not None:
                    play(samples, rate)
                yield self._save(word, audio.encode_wav(samples, rate))

    def _take(self, word: str, which: str, chunks: Iterator[Samples], rate: int) -> Samples | None:
        """One take, trimmed; None where nothing usable was heard."""
        for _ in range(ATTEMPTS):
            self.tell(f"Say: {word}    ({which})")
            for count in _COUNT:
                self.tell(count)
                _listen(chunks, rate, _BEAT_SECONDS)  # also empties what the device has gathered
            self.tell("now")
            samples = _listen(chunks, rate, self.seconds)
            try:
                checked = recordings.read((samples, rate), "That", rate, round(rate * self.seconds))
            except AudioError as error:
                self.tell(f"{error} Once more.")
                continue
            if checked.remarks:
                self.tell(f"That {checked.remarks[0]}. Once more.")
                continue
            return _trim(samples, rate)
        return None

    def _save(self, word: str, content: bytes) -> Path:
        """Write the take under the first free number; a file that is there is never touched."""
        home = self.folder / word
        try:
            home.mkdir(parents=True, exist_ok=True)
            for number in itertools.count():
                path = home / f"{self.speaker}_nohash_{number}.wav"
                try:
                    with path.open("xb") as file:
                        file.write(content)
                except FileExistsError:
                    continue
                except OSError:
                    path.unlink(missing_ok=True)  # rather none than half of one
                    raise
                return path
        except OSError as error:
            raise TeachingError(f"{home} cannot be written: {error.strerror}.") from error
        raise AssertionError


def _listen(chunks: Iterator[Samples], rate: int, seconds: float) -> Samples:
    """So many seconds of sound, to the nearest chunk."""
    heard: list[Samples] = []
    while sum(map(len, heard)) < seconds * rate:
        heard.append(next(chunks))
    return np.concatenate(heard)


def _trim(samples: Samples, rate: int) -> Samples:
    """Only the word, with a breath of sound around it."""
    start, end = recordings.loud_spans(samples, rate)[0]
    breath = round(_BREATH_SECONDS * rate)
    return samples[max(0, start - breath) : end + breath]
