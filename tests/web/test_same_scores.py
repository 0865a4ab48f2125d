"""The same recording has the same confidences in Python and over HTTP."""

import itertools
from pathlib import Path

import pytest

import sayso
from sayso.recognizer import bundled
from sayso.web import create_app

TOLERANCE = 1e-4
CLIPS = 12


@pytest.mark.parametrize("name", sorted(bundled()))
def test_python_and_http_agree_on_every_label(name: str, speech_commands: Path) -> None:
    recognizer = sayso.load(name)
    client = create_app(recognizer).test_client()
    most = len(recognizer.card.labels)
    folders = [path for path in sorted(speech_commands.iterdir()) if path.name in recognizer.card.words]
    clips = [next(iter(sorted(folder.iterdir()))) for folder in itertools.islice(folders, CLIPS)]

    for clip in clips:
        expected = recognizer.recognize(clip, top=most)
        answer = client.post("/api/v1/recognitions", query_string={"top": most}, data=clip.read_bytes()).json

        assert answer is not None
        assert answer["digest"] == recognizer.digest
        assert answer["word"] == expected.word
        assert answer["accepted"] == expected.accepted
        found = {each["word"]: each["confidence"] for each in answer["alternatives"]}
        assert len(found) == most
        for each in expected.alternatives:
            assert found[each.word] == pytest.approx(each.confidence, abs=TOLERANCE)
