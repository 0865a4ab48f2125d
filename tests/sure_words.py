"""Recordings of words that the default model is sure of, wherever a window begins, and of others."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import sayso
from sayso import audio

RATE = 16_000
SECONDS_EACH = 1.5


def sure_words(recordings: Path, words: Sequence[str]) -> NDArray[np.float32]:
    """Words one after the other, `SECONDS_EACH` apart, after half a second; in faint noise."""
    recognizer, parts = sayso.load(), []
    for word in words:
        for path in sorted((recordings / word).iterdir())[:300]:
            samples = audio.fit_window(audio.decode(path, RATE), RATE)
            shifted = np.stack([np.roll(samples, shift) for shift in range(-2_400, 2_401, 800)])
            probabilities = recognizer.probabilities(shifted)
            if probabilities[:, recognizer.card.labels.index(word)].min() > 0.9:
                break
        parts += [samples, np.zeros(RATE // 2, np.float32)]
    joined = np.concatenate([np.zeros(RATE // 2, np.float32), *parts])
    noise = np.random.default_rng(0).standard_normal(len(joined))
    result: NDArray[np.float32] = joined + np.float32(1e-4) * noise.astype(np.float32)
    return result


def unsure_words(recordings: Path, count: int) -> NDArray[np.float32]:
    """Speech in which the default model hears no word, again and again: words played backwards."""
    recognizer, parts = sayso.load(), [np.zeros(RATE // 2, np.float32)]
    settings = sayso.ListenerSettings(unsure=True)
    for path in sorted((recordings / "happy").iterdir()):
        said = [audio.fit_window(audio.decode(path, RATE), RATE)[::-1], np.zeros(RATE, np.float32)]
        heard = list(sayso.listen(recognizer, [np.concatenate([*parts, *said])], settings=settings))
        if [detection.accepted for detection in heard] == [False] * (len(parts) // 2 + 1):
            parts += said
        if len(parts) > 2 * count:
            break
    return np.concatenate(parts)
