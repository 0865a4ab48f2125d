"""Real speech and real noise that Debian has: many people, other microphones, other languages.

python recipes/real_speech.py data

Needs apt-get and dpkg-deb, and the network (450 MB). Makes, beside the synthetic recordings:

- `real_unknown`: seconds of speech to train with as other words. A word within running speech is no command.
- `real_strangers`: whole recordings by other people, for setting thresholds and for judging.
- `real_noise`: music, and the sounds of things, a few seconds of each.

Voices and music are those of prompts (asterisk, CC BY-SA 3.0), of games (fillets-ng and Tux Paint, GPL 2;
Flight of the Amazon Queen, its own free licence) and of a toy for children (ktuberling, GPL 2). A source,
that is a package and a language, is one speaker here, even where it is several actors: no person is in two
parts.
"""

import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray
from tqdm import tqdm

from sayso import audio
from sayso.errors import AudioError, SilentAudio

RATE = 16_000
PACKAGES = (
    *(f"asterisk-core-sounds-{language}-g722" for language in ("es", "fr", "it", "ru")),
    *("asterisk-prompt-it-menardi-wav", "asterisk-moh-opsound-wav", "flight-of-the-amazon-queen"),
    *("fillets-ng-data", "fillets-ng-data-cs", "fillets-ng-data-nl"),
    *("ktuberling-data", "tuxpaint-stamps-default"),
)
HELD_OUT = frozenset(
    "asterisk-it asterisk-ru menardi-it fillets-nl "
    "tuxpaint-ca tuxpaint-el tuxpaint-en tuxpaint-lt tuxpaint-nl tuxpaint-ro "
    "ktuberling-da ktuberling-en ktuberling-fr ktuberling-gl "
    "ktuberling-lt ktuberling-nl ktuberling-ru ktuberling-sl".split()
)
WORDS = frozenset(
    "backward bed bird cat dog down eight five follow forward four go happy house learn left marvin nine no "
    "off on one right seven sheila six stop three tree two up visual wow yes zero".split()
)
# Said alike in many languages, or letter by letter.
LEFT_OUT = frozenset("zero stop no numbers alphabet digits letters phonetic silence".split())
MOST = defaultdict(lambda: 600, {"fillets-cs": 1500} | {f"queen-{key:02}": 200 for key in range(100)})
RUNNING_SECONDS = 1.5  # of the play: a shorter line may be a single "no"
NOISE_SECONDS = 6.0  # at most, of each recording
QUIET_DB = -20.0  # below the loudest second of a recording: a pause


def decode(sound: Path | bytes) -> NDArray[np.float32] | None:
    """The samples `(n,)` of a recording; None of one that is broken or silent."""
    try:
        if isinstance(sound, Path) and sound.suffix != ".g722":
            return audio.decode(sound, RATE, max_seconds=60)
        given = {"format": "g722"} if isinstance(sound, Path) else {}
        with av.open(BytesIO(sound) if isinstance(sound, bytes) else str(sound), **given) as opened:
            to_mono = av.AudioResampler(format="flt", layout="mono", rate=RATE)
            frames = [part for frame in opened.decode(audio=0) for part in to_mono.resample(frame)]
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
    except (AudioError, SilentAudio, av.FFmpegError, ValueError):
        return None


def source_of(path: Path) -> str | None:
    """Whose voice a file holds; None where it is not wanted."""
    package, tokens = path.parts[0], {*path.parts[:-1], *re.split(r"[^a-z]+", path.stem.lower())}
    if tokens & LEFT_OUT:
        return None
    if match := re.fullmatch(r"asterisk-(core-sounds|prompt)-(..)(-menardi-wav|-g722)", package):
        return f"{'asterisk' if match[3] == '-g722' else 'menardi'}-{match[2]}"
    if match := re.fullmatch(r"fillets-ng-data-(..)", package):
        return f"fillets-{match[1]}"
    if package == "tuxpaint-stamps-default":
        match = re.search(r"_desc(?:_(..))?$", path.stem)
        source = f"tuxpaint-{match[1] or 'en'}" if match else None
    elif package == "ktuberling-data":
        source = f"ktuberling-{path.parent.name.split('@')[0]}"
    else:
        return None
    return None if source and source.endswith("-en") and tokens & WORDS else source


def is_a_sound(stamp: Path) -> bool:
    """Whether a recording of Tux Paint's is a sound of the thing, and not its name."""
    return "symbols" not in stamp.parts and not re.search(r"_desc|_[a-z]{2}(_[a-zA-Z]{2})?$", stamp.stem)


def lines_of(play: Path) -> Iterator[tuple[str, bytes]]:
    """The spoken lines of the game: the scene, and an MP3."""
    content = play.read_bytes()
    (entries,) = struct.unpack_from(">H", content, 13)
    for entry in range(entries):
        name, _, offset, size = struct.unpack_from(">12sBII", content, 15 + 21 * entry)
        if re.fullmatch(rb"\d\d....P.\.SB.*", name, re.DOTALL):
            yield f"queen-{name[:2].decode()}", content[offset : offset + size]


def seconds_of(samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """The seconds of a recording in which somebody speaks; all of a short one."""
    if len(samples) < 1.5 * RATE:
        return [samples]
    pieces = [samples[first : first + RATE] for first in range(0, len(samples) - RATE + 1, RATE)]
    levels = [float(np.sqrt(np.mean(np.square(piece)))) for piece in pieces]
    return [
        piece
        for piece, level in zip(pieces, levels, strict=True)
        if level > 10 ** (QUIET_DB / 20) * max(levels)
    ]


def write(folder: Path, source: str, pieces: list[NDArray[np.float32]]) -> None:
    """Write the recordings of a source as a folder of words has them."""
    folder.mkdir(parents=True, exist_ok=True)
    for take, piece in enumerate(pieces):
        soundfile.write(
            folder / f"{source}_nohash_{take}.flac", np.clip(piece, -1, 1), RATE, subtype="PCM_16"
        )


def unpack(here: Path) -> None:
    """Fetch the packages and lay out their files."""
    for package in tqdm(PACKAGES):
        subprocess.run(["apt-get", "-qq", "download", package], cwd=here, check=True)
        (found,) = here.glob(f"{package}_*.deb")
        subprocess.run(["dpkg-deb", "-x", found, here / package], check=True)
        found.unlink()


def make(here: Path, output: Path) -> None:
    """Make the three folders from the files of the packages."""
    random = np.random.default_rng(0)
    found: dict[str, list[Path | bytes]] = defaultdict(list)
    for path in sorted(path for package in PACKAGES for path in (here / package).rglob("*")):
        if path.suffix in (".ogg", ".opus", ".wav", ".g722") and (
            source := source_of(path.relative_to(here))
        ):
            found[source].append(path)
    for source, line in lines_of(next(here.rglob("queen.1c"))):
        found[source].append(line)
    for name in ("real_unknown", "real_strangers", "real_noise"):
        shutil.rmtree(output / name, ignore_errors=True)
    with ProcessPoolExecutor() as pool:
        for source, sounds in sorted(found.items()):
            recordings = [
                samples for samples in pool.map(decode, sounds, chunksize=16) if samples is not None
            ]
            if source in HELD_OUT:
                write(output / "real_strangers" / source, source, recordings)
                continue
            if source.startswith("queen"):
                recordings = [samples for samples in recordings if len(samples) >= RUNNING_SECONDS * RATE]
            pieces = [piece for samples in recordings for piece in seconds_of(samples)]
            chosen = np.sort(random.permutation(len(pieces))[: MOST[source]])
            write(output / "real_unknown" / source, source, [pieces[index] for index in chosen])
        things = [*here.glob("fillets-ng-data/**/*.ogg"), *here.glob("asterisk-moh*/**/*.wav")]
        things += filter(is_a_sound, here.glob("tuxpaint-stamps-default/**/*.ogg"))
        stretches = []
        for samples in pool.map(decode, sorted(things)):
            if samples is not None:
                room = max(0, len(samples) - round(NOISE_SECONDS * RATE))
                first = int(random.integers(room + 1))
                stretches.append(samples[first : first + len(samples) - room])
        write(output / "real_noise" / "_background_noise_", "real", stretches)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Say where to: python recipes/real_speech.py data")
    with tempfile.TemporaryDirectory() as temporary:
        unpack(Path(temporary))
        make(Path(temporary), Path(sys.argv[1]))
