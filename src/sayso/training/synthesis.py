"""Words as text become recordings, in many voices: for words nobody has recorded, and for strangers' words.

Speech is made by the programs espeak-ng, flite and festival, whichever are installed. Each recording draws a
voice, a speed and a pitch; rooms, noise and telephones are the business of `augment`. The layout is the
field's own, the voice standing in for the speaker, so that no voice is in two splits.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from shutil import which

import numpy as np
from tqdm import tqdm

from sayso import audio
from sayso.errors import AudioError, DataError
from sayso.training.atomic import write_atomically
from sayso.training.cache import SAMPLE_RATE, WINDOW_SAMPLES

ENGINES = {"espeak-ng": "espeak-ng", "flite": "flite", "festival": "text2wave"}  # and their programs
TIMEOUT_SECONDS = 20.0  # of one recording; they take some hundredths
MAX_SECONDS = 3.0  # longer ones are no single command

_ACCENTS = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-rp", "en-gb-x-gbcwmd", "en-029")
# Variants of espeak-ng that sound like people; it also has robots and croaks.
_VARIANTS = tuple(
    "f1 f2 f3 f4 f5 m1 m2 m3 m4 m5 m6 m7 m8 adam Alex Alicia Andrea Andy Annie anika antonio "
    "aunty belinda benjamin boris caleb david Denis ed edward Gene grandma grandpa Henrique "
    "Hugo Jacky john Lee linda Marco Mario max Michael michel miguel Mike norbert pablo paul "
    "quincy rob robert sandro shelby steph travis victor".split()
)
# What stands between the words of a phrase; as often nothing.
_LINKS = (*("" for _ in range(12)), *"the a and in with is was your this that from".split())
_FLITE_VOICES = ("kal16", "awb", "rms", "slt")
_FESTIVAL_VOICES = ("kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts")


@dataclass(frozen=True)
class Utterance:
    """One recording to be made."""

    text: str
    engine: str
    voice: str
    speed: float  # 1 is the voice's own
    pitch: float  # in [-1, 1]: from low to high for the voice
    place: float  # in [0, 1]: from the start to the end of the window, for one that is shorter

    def command(self, path: Path) -> list[str]:
        """The program that makes it, and its arguments."""
        if self.engine == "flite":
            mean_hertz = {"slt": 170}.get(self.voice, 110) * (1 + 0.25 * self.pitch)
            settings = [f"duration_stretch={1 / self.speed:.3f}", f"int_f0_target_mean={mean_hertz:.0f}"]
            chosen = [part for setting in settings for part in ("--setf", setting)]
            return ["flite", "-voice", self.voice, *chosen, "-t", self.text, "-o", str(path)]
        if self.engine == "festival":  # reads the text from its input; the last voice has a pitch of its own
            mean_hertz = 110 * (1 + 0.25 * self.pitch)
            means = (
                f"(target_f0_mean {mean_hertz:.0f}) (target_f0_std 14) (model_f0_mean 170) (model_f0_std 34)"
            )
            settings = [
                f"(voice_{self.voice})",
                f"(Parameter.set 'Duration_Stretch {1 / self.speed:.3f})",
                f"(set! int_lr_params '({means}))",
            ]
            chosen = [part for setting in settings for part in ("-eval", setting)]
            return ["text2wave", "-o", str(path), *chosen]
        rate, pitch = round(160 * self.speed), round(50 + 30 * self.pitch)
        return [
            "espeak-ng",
            "-v",
            self.voice,
            "-s",
            f"{rate}",
            "-p",
            f"{pitch}",
            "-w",
            str(path),
            "--",
            self.text,
        ]


def synthesize(words: Sequence[str], folder: Path, *, clips: int, seed: int = 0, processes: int = 2) -> int:
    """Make recordings of words, one folder a word; those already there are kept.

    Args:
        words: what is said; also the folders' names.
        folder: where the words' folders are made.
        clips: how many of each word.
        seed: of the draws; the same seed makes the same recordings.
        processes: how many are made at once.

    Returns:
        how many recordings were made.

    Raises:
        DataError: no program that speaks, a word that cannot be a folder's name, or one that none can say.

    """
    engines = [engine for engine, program in ENGINES.items() if which(program)]
    if not engines:
        raise DataError(
            "Speech synthesis needs espeak-ng, flite or festival: install them (apt-get install espeak-ng "
            "flite festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts)."
        )
    for word in words:
        if not word.strip() or word.startswith((".", "_", "-")) or "/" in word or "\0" in word:
            raise DataError(f"{word!r} cannot be the name of a folder: give words of letters.")
    wanted = []
    for word in words:
        (folder / word).mkdir(parents=True, exist_ok=True)
        for take, utterance in enumerate(draw(word, clips, engines, seed)):
            name = f"{utterance.engine}-{utterance.voice.replace('+', '-')}_nohash_{take}.wav"
            if not (folder / word / name).exists():
                wanted.append((utterance, folder / word / name))
    with (
        ThreadPoolExecutor(processes) as pool,
        tqdm(
            pool.map(lambda item: _make(*item), wanted), "speaking", len(wanted), unit="clip", disable=None
        ) as made,
    ):
        count = sum(made)
    if wanted and not count:
        raise DataError(f"None of {', '.join(engines)} can say {wanted[0][0].text!r}: check that they work.")
    return count


def draw(word: str, clips: int, engines: Sequence[str], seed: int) -> list[Utterance]:
    """Draw how the recordings of a word shall sound; a word's draws do not depend on other words."""
    random = np.random.default_rng([seed, *word.encode()])
    drawn = []
    for _ in range(clips):
        # flite and festival have few voices: they speak one recording in five, and one in ten.
        engine = "espeak-ng" if "espeak-ng" in engines else engines[0]
        if "flite" in engines and (engine == "flite" or random.random() < 0.2):
            engine = "flite"
        if "festival" in engines and engine != "festival" and random.random() < 0.1:
            engine = "festival"
        voice = str(random.choice(_FLITE_VOICES))
        if engine == "festival":
            voice = str(random.choice(_FESTIVAL_VOICES))
        elif engine == "espeak-ng":
            voice = f"{random.choice(_ACCENTS)}+{random.choice(_VARIANTS)}"
        drawn.append(Utterance(word, engine, voice, *random.uniform([0.75, -1, 0], [1.35, 1, 1])))
    return drawn


def phrases(words: Sequence[str], count: int, seed: int = 0) -> list[str]:
    """Phrases of two to four words each: what running speech sounds like, if not what it means."""
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(count):
        said = [str(word) for word in random.choice(list(words), random.integers(2, 5))]
        links = [str(link) for link in random.choice(_LINKS, len(said))]
        drawn.append(" ".join(f"{link} {word}".strip() for link, word in zip(links, said, strict=True)))
    return drawn


def common_words() -> list[str]:
    """Common English words outside the vocabulary: what strangers say."""
    text = resources.files("sayso.training").joinpath("common_words.txt").read_text(encoding="utf-8")
    return text.split()


def _make(utterance: Utterance, path: Path) -> bool:
    """Make one recording, placed in its window; false where the program fails."""
    with tempfile.TemporaryDirectory() as scratch:
        spoken = Path(scratch) / "spoken.wav"
        try:
            subprocess.run(
                utterance.command(spoken),
                check=True,
                timeout=TIMEOUT_SECONDS,
                input=utterance.text.encode(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            samples = audio.decode(spoken, SAMPLE_RATE, max_seconds=MAX_SECONDS)
        except (subprocess.SubprocessError, OSError, AudioError):
            return False
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    word = samples[loud[0] : loud[-1] + 1]
    room = max(0, WINDOW_SAMPLES - len(word))
    before = round(utterance.place * room)
    write_atomically(path, audio.encode_wav(np.pad(word, (before, room - before)), SAMPLE_RATE))
    return True
