import runpy
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sayso.training.cache import load_folder

script = runpy.run_path(str(Path(__file__).parents[2] / "recipes" / "real_speech.py"))
RATE = 16_000


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("asterisk-core-sounds-fr-g722/usr/share/vm-intro.g722", "asterisk-fr"),
        ("asterisk-core-sounds-fr-g722/usr/share/digits/7.g722", None),  # perhaps one of the words
        ("asterisk-prompt-it-menardi-wav/usr/share/vm-intro.wav", "menardi-it"),
        ("fillets-ng-data-cs/sound/city/cs/vit-m-hlava.ogg", "fillets-cs"),
        ("tuxpaint-stamps-default/animals/birds/owl_desc_fr.ogg", "tuxpaint-fr"),
        ("tuxpaint-stamps-default/animals/birds/owl_desc.ogg", "tuxpaint-en"),
        ("tuxpaint-stamps-default/animals/birds/owl.ogg", None),  # what an owl says
        ("ktuberling-data/sounds/sr@latin/nose.wav", "ktuberling-sr"),
        ("ktuberling-data/sounds/en/nose.wav", "ktuberling-en"),
        ("ktuberling-data/sounds/en/dog_ear.wav", None),
    ],
)
def test_a_recordings_name_says_whose_voice_it_is(path: str, source: str | None) -> None:
    assert script["source_of"](Path(path)) == source


def test_of_a_long_recording_the_seconds_with_speech_are_kept() -> None:
    loud = np.random.default_rng(0).uniform(-0.5, 0.5, RATE).astype(np.float32)

    pieces = script["seconds_of"](np.concatenate([loud, 0.01 * loud, 0.5 * loud]))

    assert [piece.tolist() for piece in pieces] == [loud.tolist(), (0.5 * loud).tolist()]
    assert [len(piece) for piece in script["seconds_of"](loud[: RATE // 2])] == [RATE // 2]


def test_the_lines_of_the_play_are_found_by_its_table(tmp_path: Path) -> None:
    entries = [(b"570001P1.SB\0", b"a line"), (b"570001J1.SB\0", b"the hero's"), (b"ROOM.PCX", b"a picture")]
    table, sounds, place = b"", b"", 15 + 21 * len(entries)
    for name, sound in entries:
        table += struct.pack(">12sBII", name, 1, place + len(sounds), len(sound))
        sounds += sound
    (tmp_path / "queen.1c").write_bytes(
        b"QTBLCEM10\0\0\0\0" + struct.pack(">H", len(entries)) + table + sounds
    )

    assert list(script["lines_of"](tmp_path / "queen.1c")) == [("queen-57", b"a line")]


def test_what_is_written_is_a_folder_of_words(tmp_path: Path) -> None:
    tone = (0.3 * np.sin(np.arange(RATE) * 0.1)).astype(np.float32)

    script["write"](tmp_path / "all" / "tuxpaint-fr", "tuxpaint-fr", [tone, 2 * tone])

    clips = load_folder(tmp_path / "all")
    assert {(clip.word, clip.speaker) for clip in clips.clips} == {("tuxpaint-fr", "tuxpaint-fr")}
    assert np.abs(clips.waveforms(slice(None)) - [tone, 2 * tone]).max() < 1e-3


def test_a_broken_recording_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "broken.ogg").write_bytes(b"OggS and no more")
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)

    assert script["decode"](tmp_path / "broken.ogg") is None
    assert script["decode"](tmp_path / "silent.wav") is None
    assert script["decode"](b"no sound") is None
