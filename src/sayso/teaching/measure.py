"""How much recordings of one word differ, and how much words do: what tells a word from one never heard.

A word's recordings are taken for a normal distribution around its mean, with the same covariance for all
words; recordings of any word at all, for a wider one (S. Ioffe, Probabilistic Linear Discriminant Analysis,
ECCV 2006). Without what all scores have in common, those of words are linear, and only that of *any other
word* is quadratic. Square roots come closer to normal than what a network gives.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_SHRINKAGE = 0.1  # of covariances, towards features that vary each by itself


@dataclass(frozen=True)
class Measure:
    """What is computed of an embedding before the rows of a head.

    Attributes:
        centre: `(E - first,)`, the mean of remembered speech.
        unlike: `(E - first, E - first)`, of the quadratic score of any other word.
        offset: what is taken off that score.
        first: the embedding's values before it are left out: they know but the words that were trained.

    """

    centre: Numbers
    unlike: Numbers
    offset: float = 0.0
    first: int = 0

    @classmethod
    def of(
        cls, embeddings: Numbers, groups: NDArray[np.int64], speech: Numbers, first: int = 0
    ) -> tuple[Self, Numbers]:
        """Measure embeddings `(N, E)` of words, and all speech `(M, E)` that is remembered.

        Args:
            embeddings: of words.
            groups: `(N,)`, the word of each, counted from 0; -1 for those that are left out.
            speech: of words of all kinds.
            first: see there.

        Returns:
            the measure, and the inverse of the covariance of a word's recordings.

        """
        values, count = roots(embeddings[:, first:]), int(groups.max()) + 1
        apart = [values[groups == group] for group in range(count)]
        apart = [own - own.mean(axis=0) for own in apart]
        freedom = max(1, sum(map(len, apart)) - count)
        within = _shrunk(sum((own.T @ own for own in apart), np.zeros(())) / freedom)
        others = roots(speech[:, first:])
        centre = others.mean(axis=0)
        total = _shrunk((others - centre).T @ (others - centre) / max(1, len(others) - 1))
        precision: Numbers = np.linalg.inv(within).astype(np.float64)
        volumes = np.linalg.slogdet(total)[1] - np.linalg.slogdet(within)[1]
        return cls(centre, (precision - np.linalg.inv(total)) / 2, float(volumes) / 2, first), precision

    def centred(self, embeddings: Numbers) -> Numbers:
        """The roots of embeddings `(N, E)` from `first` on, without what all have in common."""
        return roots(embeddings[:, self.first :]) - self.centre

    def features(self, embeddings: Numbers) -> Numbers:
        """What the rows stand on: these, and as the last one how much it is like no word."""
        centred = self.centred(embeddings)
        unlike = ((centred @ self.unlike) * centred).sum(axis=1)
        return np.concatenate([centred, unlike[:, None]], axis=1)


def roots(embeddings: Numbers) -> Numbers:
    """Square roots, with the sign of what they are of."""
    result: Numbers = np.sign(embeddings) * np.sqrt(np.abs(embeddings))
    return result


def _shrunk(covariance: Numbers) -> Numbers:
    """A covariance that few recordings cannot make singular."""
    variance = np.diag(covariance)
    alone = np.diag(_SHRINKAGE * variance + 1e-6 * variance.mean())
    result: Numbers = (1 - _SHRINKAGE) * covariance + alone
    return result
