"""Find the same recording behind different bytes: encoded again, shifted, louder or softer.

Two steps, neither of which compares every pair of sounds sample by sample. A fingerprint, how strongly each
band of frequencies swells at each rate, does not move with a shift or a gain; the clips with the nearest
fingerprints are candidates. These are proved by the peak of their cross-correlation, the spectra being
flattened in part so that hum, which all takes of one microphone share, counts little (the generalized
correlation of Knapp and Carter 1976, with the magnitude raised to 1 - `_FLATTENING`); and once more without
their loudest moment, so that a shared click proves nothing.
"""

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from sayso.training.cache import SAMPLE_RATE, ClipSet

# Measured on Speech Commands: of clips shifted by up to 100 ms, encoded as Opus and made softer, 99 % reach
# this likeness with their origin; among its own 39,835, two takes by one speaker come nearest, at 0.72.
SAME_RECORDING = 0.75

_FRAME, _HOP = 512, 256  # samples
_BANDS, _LOWEST_HZ, _HIGHEST_HZ = 16, 150, 6_000
_RATES = 16  # of swelling: multiples of 1 / 1.024 s
_FINGERPRINT_SIZE = 128  # after whitening
_NEIGHBOURS = 4  # of each clip, taken as candidates
_LEAST_CANDIDATES = 20_000  # proved whatever the number of clips; above it, one for each clip
_PROOF_BAND = slice(200, 3_000)  # hertz: the bins of the spectrum of one second
_FLATTENING = 0.7
_MUTED = 2_000  # samples, for the second proof
_STILL_THE_SAME = 0.4  # likeness wanted there
_BLOCK = 512  # clips at once

Array = NDArray[np.float32]


def same_recordings(clips: ClipSet, chosen: NDArray[np.int64]) -> list[tuple[int, int, float]]:
    """Find pairs of clips that hold the same recording.

    Args:
        clips: what the chosen are from.
        chosen: `(N,)`, which clips to compare. Silent clips are alike and do not belong here.

    Returns:
        `(first, second, likeness)` of each pair: two of `chosen`, and how alike they sound, from
        `SAME_RECORDING` to 1.

    """
    if len(chosen) < 2:
        return []
    fingerprints = np.concatenate(
        [
            _fingerprint(clips.waveforms(chosen[first : first + _BLOCK]))
            for first in tqdm(range(0, len(chosen), _BLOCK), desc="fingerprints", unit="block", disable=None)
        ]
    )
    pairs = _nearest(_whiten(fingerprints))  # (P, 2)
    found: list[tuple[int, int, float]] = []
    for start in tqdm(range(0, len(pairs), _BLOCK), desc="comparing", unit="block", disable=None):
        found += _proved(clips, chosen[pairs[start : start + _BLOCK]])
    return found


def _proved(clips: ClipSet, pairs: NDArray[np.int64]) -> list[tuple[int, int, float]]:
    """Those of the pairs of clips `(P, 2)` that hold the same recording, with their likeness."""
    uniques, place = np.unique(pairs, return_inverse=True)
    waveforms, place = clips.waveforms(uniques), place.reshape(pairs.shape)
    likeness = _likeness(waveforms[place[:, 0]], waveforms[place[:, 1]])
    alike = np.flatnonzero(likeness >= SAME_RECORDING)
    first, second = (_without_loudest(waveforms[place[alike, side]]) for side in (0, 1))
    alike = alike[_likeness(first, second) >= _STILL_THE_SAME]
    return [(int(pairs[pair, 0]), int(pairs[pair, 1]), float(likeness[pair])) for pair in alike]


def _fingerprint(waveforms: Array) -> Array:
    """Modulation spectra `(B, _RATES · _BANDS)`, of length 1, of waveforms `(B, T)`."""
    frames = np.lib.stride_tricks.sliding_window_view(waveforms, _FRAME, axis=1)[:, ::_HOP]  # (B, F, _FRAME)
    spectra = np.abs(np.fft.rfft(frames * np.hanning(_FRAME).astype(np.float32), axis=2))
    envelopes = np.sqrt(spectra @ _band_filters())  # (B, F, _BANDS)
    envelopes -= np.median(envelopes, axis=1, keepdims=True)  # without the steady noise
    swelling = np.abs(np.fft.rfft(envelopes, 64, axis=1))[:, 1 : _RATES + 1]  # (B, _RATES, _BANDS)
    return _to_length_one(swelling.reshape(len(waveforms), -1))


def _band_filters() -> Array:
    """Triangles `(_FRAME / 2 + 1, _BANDS)` evenly spaced on the mel scale."""
    lowest, highest = 2595 * np.log10(1 + np.array([_LOWEST_HZ, _HIGHEST_HZ]) / 700)
    edges = 700 * (10 ** (np.linspace(lowest, highest, _BANDS + 2) / 2595) - 1)
    hertz = np.fft.rfftfreq(_FRAME, 1 / SAMPLE_RATE)[:, None]
    rising = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def _whiten(fingerprints: Array) -> Array:
    """Give every direction in which the fingerprints differ the same weight: `(N, D)`, of length 1."""
    centred = fingerprints - fingerprints.mean(axis=0)
    size = min(_FINGERPRINT_SIZE, max(1, len(centred) // 8))  # few clips tell few directions apart
    power, directions = np.linalg.eigh(centred.T @ centred / len(centred))
    power, directions = power[::-1][:size], directions[:, ::-1][:, :size]  # the strongest first
    return _to_length_one(centred @ (directions / np.sqrt(np.maximum(power, 1e-12))))


def _nearest(fingerprints: Array) -> NDArray[np.int64]:
    """The likeliest pairs `(P, 2)` of rows, each once, in order of the first."""
    pairs, nearness = [], []
    for first in tqdm(range(0, len(fingerprints), _BLOCK), desc="neighbours", unit="block", disable=None):
        products = fingerprints[first : first + _BLOCK] @ fingerprints.T  # (B, N)
        rows = np.arange(len(products))
        products[rows, first + rows] = -np.inf
        for _ in range(min(_NEIGHBOURS, len(fingerprints) - 1)):
            nearest = products.argmax(axis=1)
            pairs.append(np.sort(np.stack([first + rows, nearest], axis=1), axis=1))
            nearness.append(products[rows, nearest])
            products[rows, nearest] = -np.inf
    unique, index = np.unique(np.concatenate(pairs), axis=0, return_index=True)
    wanted = max(_LEAST_CANDIDATES, len(fingerprints))
    order = np.argsort(-np.concatenate(nearness)[index], kind="stable")
    return unique[np.sort(order[:wanted])]


def _likeness(first: Array, second: Array) -> Array:
    """How alike pairs of waveforms `(P, T)` sound at their best shift, `(P,)` from 0 to 1."""
    cross = np.conj(_flattened(first)) * _flattened(second)
    length = 4096  # samples of the correlation's envelope over one window
    peaks: Array = np.abs(np.fft.ifft(cross, length, axis=1)).max(axis=1) * length
    return peaks


def _flattened(waveforms: Array) -> NDArray[np.complex64]:
    spectra = np.fft.rfft(waveforms, axis=1)[:, _PROOF_BAND]
    spectra = spectra / np.maximum(np.abs(spectra), 1e-6) ** np.float32(_FLATTENING)
    lengths = np.linalg.norm(spectra, axis=1, keepdims=True)
    result: NDArray[np.complex64] = (spectra / np.maximum(lengths, 1e-9)).astype(np.complex64)
    return result


def _without_loudest(waveforms: Array) -> Array:
    """The waveforms `(P, T)` with their loudest stretch muted."""
    energy = np.cumsum(np.square(waveforms, dtype=np.float64), axis=1)
    starts = np.argmax(energy[:, _MUTED:] - energy[:, :-_MUTED], axis=1)[:, None]
    times = np.arange(waveforms.shape[1])
    return np.where((times > starts) & (times <= starts + _MUTED), np.float32(0), waveforms)


def _to_length_one(rows: Array) -> Array:
    result: Array = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)).astype(np.float32)
    return result
