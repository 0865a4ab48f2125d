"""The own-microphone audit: the same clips as other people's microphones, rooms and lines would give them.

A condition changes waveforms `(B, T)` float32 at 16 kHz into others of the same shape, bounded to [-1, 1] as
the recogniser bounds what it decodes. What a condition draws depends on its name and on the clip alone: the
same clip always meets the same noise, whichever clips stand beside it.
"""

import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from sayso.evaluation import codecs, distortions, generated_noises
from sayso.evaluation.distortions import Waveforms

SAMPLE_RATES = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000)  # hertz
LEVELS_DB = (-20, -10, 6, 12)
SHIFTS_MS = (-200, -100, 100, 200)
CUT_QUIET_DB, CUT_MARGIN_MS = 30.0, 20.0
STRETCHES = (3 / 4, 4 / 3)
LOWEST_HZ = 500.0
ECHO_TAPS = ((120.0, -6.0), (240.0, -12.0))  # milliseconds, decibels
RT60_SECONDS = 0.5
DIRECT_DB = 0.0  # direct sound against reverberation: a speaker across the room
SNRS_DB = (20, 10, 5, 0, -5)
LOUDEST_ASKED_DB = 10  # rows of more noise than this are not among those whose worst counts
RECORDED_COLOURS = ("white_noise", "pink_noise")  # recordings of what has rows of its own
GENERATED_IN_TRAINING = ("white", "pink", "brown", "blue", "babble", "texture", "hum")
# Who trained with the second knows the first; recipes/real_speech.py puts music into that folder.
AKIN = {"engine": "hum", "chords": "real_noise"}

CLEAN = "clean"

Change = Callable[[Waveforms], Waveforms]


@dataclass(frozen=True)
class Condition:
    """One row of the audit."""

    name: str  # "babble 5 dB"
    group: str  # what is changed: "sample rate", "level", "voice", "noise", …
    change: Change
    snr_db: float | None = None  # of noise: mean power of the clip against the noise's
    noise: str | None = None  # the kind of noise
    missing: str = ""  # why it cannot be had in this installation, a sentence

    def __call__(self, waveforms: Waveforms) -> Waveforms:
        """Change waveforms `(B, T)`; those given stay as they are."""
        changed: Waveforms = np.clip(self.change(waveforms), -1, 1)
        return changed

    @property
    def is_hard(self) -> bool:
        """Whether people, too, ask for a repetition: noise near the voice's level."""
        return self.snr_db is not None and self.snr_db < LOUDEST_ASKED_DB


def conditions(
    recordings: Mapping[str, Waveforms], voices: Waveforms, *, snrs_db: Sequence[float] = SNRS_DB
) -> list[Condition]:
    """All rows of the audit, the unchanged clips first.

    Args:
        recordings: background recordings `(N,)` at 16 kHz, by kind ("running_tap"). Each kind gets rows of
            its own, so that one can ask how a model fares in a kind it was not trained with; the rows named
            "background" draw from all kinds but the white and the pink. Generated kinds come after them.
        voices: `(V, T)` other clips, of which babble is made; without any, there is none.
        snrs_db: signal-to-noise ratios of each kind of noise.

    """
    rows = [Condition(CLEAN, "clean", np.copy)]
    for rate in SAMPLE_RATES:
        name = f"{rate / 1000:g} kHz"
        rows.append(Condition(name, "sample rate", partial(distortions.record_at, sample_rate=rate)))
    for name in codecs.CODECS:
        change = partial(codecs.through, name=name)
        rows.append(Condition(name, "codec", change, missing=codecs.reason_missing(name)))
    rows.append(Condition("telephone", "telephone", distortions.telephone))
    for level_db in LEVELS_DB:
        change = partial(distortions.gain, level_db=level_db)
        rows.append(Condition(f"level {level_db:+d} dB", "level", change))
    for milliseconds in SHIFTS_MS:
        change = partial(distortions.shift, milliseconds=milliseconds)
        rows.append(Condition(f"shift {milliseconds:+d} ms", "shift", change))
    change = partial(distortions.cut_out, quiet_db=CUT_QUIET_DB, margin_ms=CUT_MARGIN_MS)
    rows.append(Condition("cut to the word", "cut", change))
    for factor in STRETCHES:
        change = partial(distortions.stretched, factor=factor)
        rows.append(Condition(f"{factor:.2f} x as long", "voice", change))
    change = partial(distortions.without_lows, lowest_hz=LOWEST_HZ)
    rows.append(Condition(f"nothing below {LOWEST_HZ:g} Hz", "microphone", change))
    rows.append(Condition("echo 120/240 ms", "room", partial(distortions.echo, taps=ECHO_TAPS)))
    rows.append(Condition(f"reverb RT60 {RT60_SECONDS:g} s", "room", _reverb))
    for kind, make in noise_makers(recordings, voices).items():
        for snr_db in snrs_db:
            change = partial(_add_noise, kind=kind, make=make, snr_db=snr_db)
            rows.append(Condition(f"{kind} {snr_db:g} dB", "noise", change, snr_db, kind))
    return rows


NoiseMaker = Callable[[int, np.random.Generator], Waveforms]  # samples wanted -> noise (T,) of any level


def noise_makers(recordings: Mapping[str, Waveforms], voices: Waveforms) -> dict[str, NoiseMaker]:
    """Every kind of noise there is, by name; see `conditions`."""
    makers: dict[str, NoiseMaker] = {"white": distortions.white, "pink": distortions.pink}
    if len(voices):
        makers["babble"] = lambda _, random: distortions.babble(voices, random)
    kinds = [kind for kind in sorted(recordings) if kind not in RECORDED_COLOURS]
    if kinds:
        makers["background"] = lambda count, random: distortions.stretch(
            recordings[kinds[random.integers(len(kinds))]], count, random
        )
    for kind in kinds:
        makers[kind] = partial(_stretch_of, recordings[kind])
    for kind in generated_noises.KINDS:
        makers[kind] = partial(_generated, kind)
    return makers


def was_heard(kind: str, trained_with: Collection[str] | None) -> bool | None:
    """Whether a model was trained with a kind of noise; None where nothing tells.

    Args:
        kind: see `noise_makers`.
        trained_with: the kinds on the model's card, recordings by their names; None where it does not say.

    """
    if trained_with is None:
        return False if kind in generated_noises.KINDS else None
    if kind in generated_noises.KINDS:
        return AKIN.get(kind) in trained_with
    names = {kind, *(name for name in RECORDED_COLOURS if name.startswith(f"{kind}_"))}
    if kind == "background":  # any recording
        names = set(trained_with) - set(GENERATED_IN_TRAINING)
    return not names.isdisjoint(trained_with)


def _generated(kind: str, count: int, random: np.random.Generator) -> Waveforms:
    return distortions.stretch(generated_noises.recording(kind), count, random)


def _stretch_of(recording: Waveforms, count: int, random: np.random.Generator) -> Waveforms:
    return distortions.stretch(recording, count, random)


def _add_noise(waveforms: Waveforms, kind: str, make: NoiseMaker, snr_db: float) -> Waveforms:
    # One noise for all ratios, so that a row differs from the next by its ratio alone.
    noises = (make(waveforms.shape[1], _random(kind, clip)) for clip in waveforms)
    return np.stack(
        [distortions.at_snr(clip, noise, snr_db) for clip, noise in zip(waveforms, noises, strict=True)]
    )


def _reverb(waveforms: Waveforms) -> Waveforms:
    heard = []
    for clip in waveforms:
        response = distortions.room_response(RT60_SECONDS, DIRECT_DB, _random("reverb", clip))
        heard.append(distortions.in_room(clip, response))
    return np.stack(heard)


def _random(name: str, clip: Waveforms) -> np.random.Generator:
    """A generator of a clip's own, the same wherever and whenever the clip is met."""
    return np.random.default_rng([zlib.crc32(name.encode()), zlib.crc32(clip.tobytes())])
