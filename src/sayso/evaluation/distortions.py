"""What a microphone, a room, a line and other sounds do to a voice: arrays in, arrays out.

Waveforms are `(B, T)` float32 at 16 kHz in [-1, 1]. Nothing here draws anything by itself: what is random is
given, or drawn from a generator that is given.
"""

import numpy as np
from numpy.typing import NDArray

from sayso import audio

SAMPLE_RATE = 16_000
SILENCE_RMS = 1e-4  # below, a clip has no level that a signal-to-noise ratio could speak of

Waveforms = NDArray[np.float32]

_TELEPHONE_RATE = 8_000
_TELEPHONE_BAND_HZ = (300.0, 3_400.0)
_EDGE_HZ = 100.0  # how wide the telephone's band falls off, outside it
_MU = 255.0  # ITU-T G.711
_PINK_LOWEST_HZ = 40.0  # below, microphones hear little, and most of pink noise would lie there
_REVERB_DIRECT_SAMPLES = 40  # 2.5 ms after the direct sound, where the reverberant part begins
_BABBLE_VOICES = 6
_STRETCHES_TRIED = 100


def record_at(waveforms: Waveforms, sample_rate: int) -> Waveforms:
    """What is left of waveforms `(B, T)` recorded at a sample rate in hertz, and brought back to 16 kHz."""
    recorded = [audio.resample(clip, SAMPLE_RATE, sample_rate) for clip in waveforms]
    return _fit([audio.resample(clip, sample_rate, SAMPLE_RATE) for clip in recorded], waveforms.shape[1])


def telephone(waveforms: Waveforms) -> Waveforms:
    """Waveforms `(B, T)` over a telephone line: 8 kHz, 300 to 3,400 Hz, 8-bit mu-law (ITU-T G.711)."""
    heard = []
    for clip in waveforms:
        narrow = audio.resample(clip, SAMPLE_RATE, _TELEPHONE_RATE)
        padded = 2 * len(narrow)  # the filter rings into zeros, not round to the start
        hertz = np.fft.rfftfreq(padded, 1 / _TELEPHONE_RATE)
        low, high = _TELEPHONE_BAND_HZ
        outside = np.maximum(np.maximum(low - hertz, hertz - high), 0) / _EDGE_HZ
        response = (1 + np.cos(np.pi * np.minimum(outside, 1))) / 2
        banded = np.fft.irfft(np.fft.rfft(narrow, padded) * response, padded)[: len(narrow)]
        heard.append(audio.resample(mu_law(banded.astype(np.float32)), _TELEPHONE_RATE, SAMPLE_RATE))
    return _fit(heard, waveforms.shape[1])


def mu_law(samples: Waveforms) -> Waveforms:
    """Samples of any shape, rounded to 127 levels either side of zero that lie dense near it."""
    codes = np.rint(127 * np.log1p(_MU * np.minimum(np.abs(samples), 1)) / np.log1p(_MU))
    result: Waveforms = np.copysign(np.expm1(codes / 127 * np.log1p(_MU)) / _MU, samples).astype(np.float32)
    return result


def gain(waveforms: Waveforms, level_db: float) -> Waveforms:
    """Waveforms `(B, T)` louder or softer by so many decibels; what goes beyond full scale is clipped."""
    result: Waveforms = np.clip(waveforms * np.float32(10 ** (level_db / 20)), -1, 1)
    return result


def shift(waveforms: Waveforms, milliseconds: float) -> Waveforms:
    """Waveforms `(B, T)` later (or, below zero, earlier); zeros come in, what leaves the window is lost."""
    by = round(milliseconds * SAMPLE_RATE / 1000)
    result = np.zeros_like(waveforms)
    if by >= 0:
        result[:, by:] = waveforms[:, : waveforms.shape[1] - by]
    else:
        result[:, :by] = waveforms[:, -by:]
    return result


def cut_out(waveforms: Waveforms, quiet_db: float, margin_ms: float) -> Waveforms:
    """Waveforms `(B, T)` as recordings that were cut to the word, and lie in the middle of zeros.

    Args:
        waveforms: the clips.
        quiet_db: a word begins and ends so far below its loudest 10 ms.
        margin_ms: what is left before and after it.

    """
    frame, margin = SAMPLE_RATE // 100, round(margin_ms * SAMPLE_RATE / 1000)
    cut = []
    for clip in waveforms:
        frames = clip[: len(clip) // frame * frame].reshape(-1, frame)
        energy = np.square(frames).mean(axis=1)
        loud = np.flatnonzero(energy >= energy.max() * 10 ** (-quiet_db / 10))
        first, last = loud[0] * frame - margin, (loud[-1] + 1) * frame + margin
        cut.append(audio.fit_window(clip[max(0, first) : last], len(clip)))
    return np.stack(cut)


def stretched(waveforms: Waveforms, factor: float) -> Waveforms:
    """Waveforms `(B, T)` that last so many times as long, their pitch as much lower, about their middle."""
    rate = round(SAMPLE_RATE * factor)
    longer = [audio.resample(clip, SAMPLE_RATE, rate) for clip in waveforms]
    size = waveforms.shape[1]
    cut = [clip[max(0, len(clip) - size) // 2 :][:size] for clip in longer]
    return np.stack([audio.fit_window(clip, size) for clip in cut])


def without_lows(waveforms: Waveforms, lowest_hz: float) -> Waveforms:
    """Waveforms `(B, T)` as small microphones and loudspeakers give them: nothing below a frequency."""
    spectra = np.fft.rfft(waveforms)
    spectra[:, np.fft.rfftfreq(waveforms.shape[1], 1 / SAMPLE_RATE) < lowest_hz] = 0
    return np.fft.irfft(spectra, waveforms.shape[1]).astype(np.float32)


def echo(waveforms: Waveforms, taps: tuple[tuple[float, float], ...]) -> Waveforms:
    """Waveforms `(B, T)` with later copies of themselves, each `(milliseconds, decibels)`."""
    result = waveforms.copy()
    for milliseconds, level_db in taps:
        result += shift(waveforms, milliseconds) * np.float32(10 ** (level_db / 20))
    return result


def room_response(rt60_seconds: float, direct_db: float, random: np.random.Generator) -> Waveforms:
    """Draw a room's impulse response: noise that falls by 60 dB in the reverberation time (Polack 1988).

    Args:
        rt60_seconds: the reverberation time.
        direct_db: energy of the direct sound against that of the reverberation.
        random: draws the noise.

    Returns:
        `(rt60_seconds · SAMPLE_RATE,)` of unit energy; the direct sound is its first sample.

    """
    count = round(rt60_seconds * SAMPLE_RATE)
    tail = random.standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
    tail[:_REVERB_DIRECT_SAMPLES] = 0
    tail *= 10 ** (-direct_db / 20) / np.linalg.norm(tail)
    tail[0] = 1
    return np.asarray(tail / np.linalg.norm(tail), dtype=np.float32)


def in_room(waveform: Waveforms, response: Waveforms) -> Waveforms:
    """One waveform `(T,)` as it sounds in a room of the impulse response `(R,)`; it starts as early."""
    length = len(waveform) + len(response)
    heard = np.fft.irfft(np.fft.rfft(waveform, length) * np.fft.rfft(response, length), length)
    return np.asarray(heard[: len(waveform)], dtype=np.float32)


def at_snr(waveform: Waveforms, noise: Waveforms, snr_db: float) -> Waveforms:
    """A waveform `(T,)` with noise `(T,)`, its mean power over the clip so many decibels above the noise's.

    A silent waveform has no such ratio, and silent noise cannot be scaled: both come back as they are.
    """
    voice, found = rms(waveform), rms(noise)
    if voice < SILENCE_RMS or found < SILENCE_RMS:
        return waveform
    return waveform + noise * np.float32(voice / found * 10 ** (-snr_db / 20))


def white(count: int, random: np.random.Generator) -> Waveforms:
    """White noise `(count,)` of standard deviation 1."""
    return random.standard_normal(count, dtype=np.float32)


def pink(count: int, random: np.random.Generator) -> Waveforms:
    """Pink noise `(count,)`: as much power in each octave from 40 Hz up; standard deviation about 1."""
    hertz = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)
    shape = np.where(hertz >= _PINK_LOWEST_HZ, 1 / np.sqrt(np.maximum(hertz, _PINK_LOWEST_HZ)), 0)
    noise = np.fft.irfft(np.fft.rfft(random.standard_normal(count)) * shape, count)
    return np.asarray(noise / noise.std(), dtype=np.float32)


def babble(voices: Waveforms, random: np.random.Generator) -> Waveforms:
    """Several of the voices `(V, T)` at once, equally loud, each turned round in time: `(T,)`.

    Clips have their word in the middle; turned, the words fill the whole second.
    """
    chosen = voices[random.choice(len(voices), min(_BABBLE_VOICES, len(voices)), replace=False)]
    mixed = np.zeros(voices.shape[1], np.float32)
    for voice in chosen:
        if (level := rms(voice)) >= SILENCE_RMS:
            mixed += np.roll(voice, random.integers(len(voice))) / np.float32(level)
    return mixed


def stretch(recording: Waveforms, count: int, random: np.random.Generator) -> Waveforms:
    """A random stretch `(count,)` of a recording `(N,)`, repeated if it is shorter.

    A stretch between the sounds (a tenth of the recording's level) is drawn again: turned up to a wanted
    ratio it would be the microphone's noise, not the kind of noise that the recording is named after.
    """
    if len(recording) < count:
        recording = np.tile(recording, -(-count // len(recording)))
    enough = rms(recording) / 10
    for _ in range(_STRETCHES_TRIED):
        first = random.integers(len(recording) - count + 1)
        part = recording[first : first + count]
        if rms(part) >= enough:
            break
    return part


def rms(samples: Waveforms) -> float:
    """Root mean square of samples of any shape."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def _fit(clips: list[Waveforms], count: int) -> Waveforms:
    """Clips of about the same length as `(B, count)`; resampling rounds a length up or down."""
    return np.stack([np.pad(clip[:count], (0, max(0, count - len(clip)))) for clip in clips])
