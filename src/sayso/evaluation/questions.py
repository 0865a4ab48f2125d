"""Who sits the exam, and what is asked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from sayso.card import ModelCard
from sayso.evaluation import closed_set
from sayso.evaluation.closed_set import Score
from sayso.evaluation.distortions import Waveforms
from sayso.evaluation.parts import digest_of

BATCH = 128


class Clips(Protocol):
    """Recordings as windows, by index."""

    def __len__(self) -> int: ...

    def waveforms(self, chosen: NDArray[np.int64], /) -> Waveforms:
        """Waveforms `(B, T)` float32 at 16 kHz of the chosen clips."""
        ...


@dataclass(frozen=True)
class Candidate:
    """A model, as the exam sees it."""

    score: Score  # windows (B, T) -> logits (B, labels)
    card: ModelCard
    digest: str  # changes with the model; finished sections are kept under it
    size_bytes: int | None = None

    def score_clips(self, clips: Clips, progress_name: str) -> NDArray[np.float32]:
        """Logits `(N, labels)` of clips, with a progress bar."""
        with tqdm(total=len(clips), desc=progress_name, unit="clip", disable=None) as progress:

            def watched() -> Iterator[Waveforms]:
                for batch in batches(clips, np.arange(len(clips))):
                    yield batch
                    progress.update(len(batch))

            return closed_set.score_all(self.score, watched())


@dataclass(frozen=True)
class Strangers:
    """Speech outside the vocabulary."""

    clips: Clips
    words: Sequence[str]  # (N,), what each of them says
    speakers: Sequence[str]  # (N,)
    sources: Sequence[str]  # (N,), which collection it is from

    def digest(self) -> str:
        """A name for the clips and all that is known of them."""
        known = zip(self.words, self.speakers, self.sources, strict=True)
        return digest_of(digest_of_clips(self.clips).encode(), "\0".join(map("\0".join, known)).encode())


@dataclass(frozen=True)
class Questions:
    """What a model is asked."""

    name: str  # of the data, for the reader
    split: str
    clips: Clips
    labels: NDArray[np.int64]  # (N,), in the candidate's order
    speakers: Sequence[str]  # (N,)
    strangers: Strangers | None = None  # who must not be understood
    setting: Strangers | None = None  # others, with whom thresholds are set
    recordings: Mapping[str, Waveforms] = field(default_factory=dict)  # background noise (N,), by kind

    def digest(self) -> str:
        """A name for the clips, their labels and their speakers."""
        answers = self.labels.tobytes(), "\0".join(self.speakers).encode()
        return digest_of(digest_of_clips(self.clips).encode(), self.split.encode(), *answers)

    def digest_of_recordings(self) -> str:
        """A name for the background noise."""
        return digest_of(
            *(kind.encode() + recording.tobytes() for kind, recording in sorted(self.recordings.items()))
        )

    def covered(self, card: ModelCard) -> NDArray[np.bool_]:
        """Which clips hold a word with enough training clips `(N,)`; none where the card does not say."""
        counts = np.asarray(card.training_clips or [0] * len(card.labels))
        result: NDArray[np.bool_] = (counts >= closed_set.COVERED_CLIPS)[self.labels]
        return result


def batches(clips: Clips, chosen: NDArray[np.int64]) -> Iterator[Waveforms]:
    """Waveforms `(B, T)` of the chosen clips, some at a time."""
    for first in range(0, len(chosen), BATCH):
        yield clips.waveforms(chosen[first : first + BATCH])


def digest_of_clips(clips: Clips) -> str:
    """A name for the samples of some clips."""
    return digest_of(*(batch.tobytes() for batch in batches(clips, np.arange(len(clips)))))
