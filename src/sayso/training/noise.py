"""Noise at a drawn signal-to-noise ratio: recorded, generated, or other people talking."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from sayso import audio
from sayso.errors import DataError, RecipeError
from sayso.training.augment_step import (
    SAMPLE_RATE,
    SILENCE_RMS,
    Batch,
    WaveformStep,
    choose,
    cut_out,
    decibels,
    level,
    span,
    uniform,
    weights,
)
from sayso.training.dataset import AUDIO_ENDINGS
from sayso.training.noise_banks import KINDS, bank

MAX_RECORDING_SECONDS = 3600.0

_VOICES = 3  # in each of the two layers of babble


def read_noises(folder: Path, *, exclude: Sequence[str] = ()) -> Tensor:
    """Read the background recordings of a folder, one after another.

    Args:
        folder: such as `speech_commands/_background_noise_`.
        exclude: names, with or without ending, of recordings kept for judging.

    Returns:
        `(N,)` float32 in [-1, 1] at `SAMPLE_RATE`.

    Raises:
        DataError: there is no such folder, nothing is left to read, or nothing bears an excluded name.
        AudioError: a recording cannot be read.

    """
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in AUDIO_ENDINGS)
    if missing := sorted(set(exclude) - {name for path in found for name in (path.name, path.stem)}):
        raise DataError(f"There is no recording {missing[0]!r} to leave out in {folder}: check the name.")
    left = [path for path in found if path.name not in exclude and path.stem not in exclude]
    if not left:
        raise DataError(f"{folder} holds no recordings of noise to train with.")
    recordings = [audio.decode(path, SAMPLE_RATE, max_seconds=MAX_RECORDING_SECONDS) for path in left]
    return torch.cat([torch.from_numpy(recording) for recording in recordings])


@dataclass(frozen=True, kw_only=True)
class Noise(WaveformStep):
    """Adds noise at a drawn signal-to-noise ratio; the clip keeps its level.

    The ratio is that of the mean squares over the whole clip, as in most published tables: a short word in
    a padded second is louder against the noise than the ratio says. Where the clip is silent there is no
    ratio, and noise comes in at a drawn level, lest a network learn that silence is zeros. Silent noise adds
    nothing, nor does babble to a clip that is alone in its batch.
    """

    snr_db: tuple[float, float] = span((0.0, 30.0), -30, 60)
    silence_db: tuple[float, float] = span((-70.0, -30.0), -90, 0)  # of noise in silent clips; 0: full scale
    kinds: Mapping[str, float] = weights(
        recorded=6, white=1, pink=1, brown=1, blue=0.5, babble=1, texture=0, hum=0
    )
    recorded: Tensor | None = dataclasses.field(default=None, repr=False)  # (N,), see `read_noises`

    @classmethod
    def from_options(cls, name: str, options: Mapping[str, Any], **given: Any) -> Self:
        """See `Step`; where there are no recordings, the default kinds do without."""
        step = super().from_options(name, options, **given)
        if step.recorded is not None or "recorded" not in step.kinds:
            return step
        if "kinds" in options:
            raise RecipeError(
                f"The augment step {name!r} has kinds = {options['kinds']!r}, but there are no recordings "
                "of noise: leave out `recorded`, or name a folder of them."
            )
        kinds = {kind: weight for kind, weight in step.kinds.items() if kind != "recorded"}
        return dataclasses.replace(step, kinds=kinds)

    def alter(self, batch: Batch, generator: torch.Generator) -> Batch:
        """See `WaveformStep`."""
        waveforms = batch.waveforms
        clips, samples = waveforms.shape
        device = waveforms.device
        drawn = self.drawn(clips, generator, device)[:, None]
        snr_db = uniform(clips, self.snr_db, generator, device)[:, None]
        silence_db = uniform(clips, self.silence_db, generator, device)[:, None]
        kind = choose(self.kinds.values(), clips, generator, device)
        noise = self._cut(kind, samples, generator)  # (B, T)
        speech = level(waveforms)  # (B, 1)
        if "babble" in self.kinds:
            rows = (kind == list(self.kinds).index("babble")).nonzero()[:, 0]
            if len(rows):
                noise.index_copy_(0, rows, babble(waveforms, speech, rows, generator))
        found = level(noise)
        wanted = torch.where(speech > SILENCE_RMS, speech * decibels(-snr_db), decibels(silence_db))
        scale = torch.where(drawn & (found > SILENCE_RMS), wanted / found.clamp(min=SILENCE_RMS), 0.0)
        return Batch(waveforms.addcmul_(noise, scale), batch.targets)

    def _cut(self, kind: Tensor, samples: int, generator: torch.Generator) -> Tensor:
        """A random stretch `(B, T)` of the drawn kinds' noise."""
        device = kind.device
        bank = self.keep(("bank", samples, device), lambda: torch.cat(self._parts(samples)).to(device))
        lengths = self.keep(
            ("lengths", samples, device),
            lambda: torch.tensor([len(part) for part in self._parts(samples)], device=device),
        )
        # In double: float32 cannot name each sample of a bank of minutes.
        place = uniform(len(kind), (0.0, 1.0), generator, device).double()
        room = lengths[kind] - samples + 1
        first = (place * room).long().clamp_(max=room - 1)
        return cut_out(bank, (lengths.cumsum(0) - lengths)[kind] + first, samples)

    def _parts(self, samples: int) -> list[Tensor]:
        """The noise of each kind, none shorter than a clip; for babble, made of the batch, zeros."""
        parts = []
        for kind in self.kinds:
            if kind in KINDS:
                part = bank(kind)
            elif kind == "recorded" and self.recorded is not None:
                part = self.recorded.cpu()
            else:
                part = torch.zeros(samples)
            parts.append(part.repeat(-(-samples // len(part))))
        return parts


def babble(waveforms: Tensor, levels: Tensor, rows: Tensor, generator: torch.Generator) -> Tensor:
    """For each of some clips, others of the batch talking at once.

    Two layers of voices, equally loud, each layer turned round in time by an amount of its own: clips have
    their word in the middle, and turned they fill the whole second.

    Args:
        waveforms: `(B, T)`.
        levels: their root mean squares, `(B, 1)`.
        rows: which of them get babble, `(S,)`; none hears itself.
        generator: draws voices and turns.

    Returns:
        `(S, T)`, of no particular level.

    """
    clips, samples = waveforms.shape
    device = waveforms.device
    layers = rows.repeat(2)  # (2S,)
    order = uniform(len(layers) * clips, (0.0, 1.0), generator, device).view(-1, clips)
    order.scatter_(1, layers[:, None], -1.0)  # itself comes last
    audible = torch.where(levels > SILENCE_RMS, 1 / levels.clamp(min=SILENCE_RMS), 0.0)  # (B, 1)
    mixed = waveforms.new_zeros(len(layers), samples)  # (2S, T)
    for voice in order.topk(min(_VOICES, clips - 1)).indices.unbind(1):  # (2S,)
        mixed.addcmul_(waveforms.index_select(0, voice), audible[voice])
    turn = (uniform(len(layers), (0.0, 1.0), generator, device) * samples).long().clamp_(max=samples - 1)
    first = torch.arange(len(layers), device=device) * 2 * samples + turn
    return cut_out(mixed.repeat(1, 2).view(-1), first, samples).view(2, len(rows), samples).sum(0)
