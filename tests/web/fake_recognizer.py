"""A recogniser that hears pitches: each word is a tone, so that a request's own sound decides its answer."""

import io

import numpy as np
import soundfile

from sayso import audio
from sayso.card import SILENCE, UNKNOWN, ModelCard
from sayso.recognizer import Alternative, Recognition

WORDS = ("up", "down", "left", "right", "stop", "go")
SAMPLE_RATE = 16_000
HERTZ_PER_WORD = 200


class FakeRecognizer:
    """Answers the word whose tone the recording holds; sure of all but the last word."""

    card = ModelCard(name="pitches", architecture="none", labels=(*WORDS, SILENCE, UNKNOWN))
    digest = "0123456789abcdef" * 4

    def recognize_samples(self, samples: audio.Samples, /, *, top: int) -> Recognition:
        loudest = np.argmax(np.abs(np.fft.rfft(samples))) * SAMPLE_RATE / len(samples)  # hertz
        heard = round(float(loudest) / HERTZ_PER_WORD) - 1
        ranked = [WORDS[heard], *(word for word in WORDS if word != WORDS[heard])]
        confidences = (0.9, 0.06, 0.02, 0.01, 0.007, 0.003)
        alternatives = [Alternative(*pair) for pair in zip(ranked, confidences, strict=True)][:top]
        seconds = len(samples) / SAMPLE_RATE
        return Recognition(WORDS[heard], 0.9, WORDS[heard] != WORDS[-1], tuple(alternatives), 0.0, seconds)


def wav(samples: np.ndarray, sample_rate: int = SAMPLE_RATE) -> bytes:
    """Samples `(T,)` as the bytes of a WAV file."""
    file = io.BytesIO()
    soundfile.write(file, samples, sample_rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def tone(word: str, seconds: float = 1.0) -> bytes:
    """A recording that the fake recogniser hears as a word."""
    time = np.arange(round(SAMPLE_RATE * seconds)) / SAMPLE_RATE
    return wav(0.5 * np.sin(2 * np.pi * HERTZ_PER_WORD * (WORDS.index(word) + 1) * time))
