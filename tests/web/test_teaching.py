"""Teaching over HTTP: recordings in, a model out, and nothing half-written whatever goes wrong."""

import errno
import io
import os
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import sayso
from sayso.errors import SettingsError
from sayso.web import ModelStore, Settings, create_app

WORDS = ("happy", "zero")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def client(folder: Path) -> FlaskClient:
    return make_client(folder)


def make_client(folder: Path, **settings: Any) -> FlaskClient:
    chosen = Settings(models_folder=str(folder), teaching="on", **settings)
    return create_app(ModelStore.from_settings(chosen), chosen).test_client()


@pytest.fixture(scope="module")
def zipped(speech_commands: Path) -> bytes:
    """Five recordings of each of two words."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for word in WORDS:
            for path in sorted((speech_commands / word).iterdir())[:5]:
                archive.write(path, f"my-words/{word}-2/{path.name}")
    return file.getvalue()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def message(response: Any) -> str:
    return str(response.get_json()["error"]["message"])


def test_a_zip_becomes_a_model_that_answers(
    client: FlaskClient, folder: Path, zipped: bytes, speech_commands: Path
) -> None:
    made = client.post("/api/v1/models?name=mine", data=zipped)
    assert made.status_code == 201, made.text
    answer = made.get_json()
    assert answer["words"] == ["happy-2", "zero-2"]
    assert answer["report"]["accuracy"] >= 0.7
    assert "would pass for a new word" in answer["sentences"][-1]
    assert files(folder) == ["mine.onnx"]
    clip = sorted((speech_commands / "happy").iterdir())[30]
    heard = client.post("/api/v1/recognitions?model=mine", data=clip.read_bytes()).get_json()
    assert (heard["word"], heard["model"], heard["digest"]) == ("happy-2", "mine", answer["digest"])
    fetched = client.get(answer["file"])
    assert sayso.Recognizer(fetched.data).recognize(clip).confidence == pytest.approx(
        heard["confidence"], abs=1e-5
    )


def test_a_form_gives_the_same_model(client: FlaskClient, zipped: bytes) -> None:
    first = client.post("/api/v1/models?name=zipped", data=zipped).get_json()
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        fields: dict[str, list[Any]] = {}
        for name in archive.namelist():
            _, word, file = name.split("/")
            fields.setdefault(word, []).append((io.BytesIO(archive.read(name)), file))
    second = client.post("/api/v1/models?name=formed", data=fields, content_type="multipart/form-data")
    assert second.status_code == 201, second.text
    assert second.get_json()["report"] == first["report"]


def test_words_and_models_are_renamed_removed_and_deleted(
    client: FlaskClient, folder: Path, zipped: bytes
) -> None:
    client.post("/api/v1/models?name=mine", data=zipped)
    changed = client.patch("/api/v1/models/mine", json={"name": "ours", "rename": {"happy-2": "glad"}})
    assert changed.status_code == 200, changed.text
    assert changed.get_json()["words"] == ["glad", "zero-2"]
    assert files(folder) == ["ours.onnx"]
    assert client.get("/api/v1/models/mine").status_code == 404
    changed = client.patch("/api/v1/models/ours", json={"remove": ["glad"]})
    assert changed.get_json()["words"] == ["zero-2"]
    assert "last word" in message(client.patch("/api/v1/models/ours", json={"remove": ["zero-2"]}))
    assert client.delete("/api/v1/models/ours").status_code == 204
    assert files(folder) == []
    assert client.delete("/api/v1/models/ours").status_code == 404


def test_a_model_can_be_learnt_anew_only_when_that_is_said(client: FlaskClient, zipped: bytes) -> None:
    assert client.post("/api/v1/models?name=mine", data=zipped).status_code == 201
    again = client.post("/api/v1/models?name=mine", data=zipped)
    assert again.status_code == 409
    assert "already" in message(again)
    assert client.post("/api/v1/models?name=mine&replace=true", data=zipped).status_code == 201


def test_what_ships_stays_as_it_is(client: FlaskClient, zipped: bytes) -> None:
    assert client.post("/api/v1/models?name=default", data=zipped).status_code == 409
    assert client.delete("/api/v1/models/default").status_code == 403
    assert client.patch("/api/v1/models/default", json={"remove": ["yes"]}).status_code == 403


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 65, "a b", "ä"])
def test_names_are_checked(client: FlaskClient, folder: Path, zipped: bytes, name: str) -> None:
    assert client.post("/api/v1/models", query_string={"name": name}, data=zipped).status_code == 422
    assert files(folder) == []


@pytest.mark.parametrize(
    ("content", "status"), [(b"", 422), (b"no zip", 422), (b"PK\x05\x06" + bytes(18), 422)]
)
def test_bodies_that_are_no_recordings(
    client: FlaskClient, folder: Path, content: bytes, status: int
) -> None:
    answer = client.post("/api/v1/models?name=mine", data=content)
    assert answer.status_code == status
    assert message(answer)
    assert files(folder) == []


def test_a_bomb_and_a_body_too_large_are_refused(folder: Path) -> None:
    client = make_client(folder, max_teaching_bytes=1_000_000)
    assert client.post("/api/v1/models?name=mine", data=bytes(1_000_001)).status_code == 413
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("on/a.wav", bytes(100_000_000))
    answer = client.post("/api/v1/models?name=mine", data=file.getvalue())
    assert answer.status_code == 422
    assert "unpacks to more" in message(answer)


def test_a_full_disk_leaves_what_was_there(
    client: FlaskClient, folder: Path, zipped: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/api/v1/models?name=mine", data=zipped)
    before = (folder / "mine.onnx").read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for answer in (
        client.post("/api/v1/models?name=mine&replace=true", data=zipped),
        client.post("/api/v1/models?name=other", data=zipped),
        client.patch("/api/v1/models/mine", json={"remove": ["happy-2"]}),
    ):
        assert answer.status_code == 507
        assert "disk is full" in message(answer)
    assert files(folder) == ["mine.onnx"]
    assert (folder / "mine.onnx").read_bytes() == before


def test_the_quota_holds(folder: Path, zipped: bytes) -> None:
    client = make_client(folder, max_models=1)
    assert client.post("/api/v1/models?name=one", data=zipped).status_code == 201
    answer = client.post("/api/v1/models?name=two", data=zipped)
    assert answer.status_code == 507
    assert "delete one first" in message(answer)
    assert client.post("/api/v1/models?name=one&replace=true", data=zipped).status_code == 201


def test_of_two_who_teach_one_name_at_once_one_is_told(folder: Path, zipped: bytes) -> None:
    """Two servers' workers on one folder: neither sees the other before it writes."""
    answers: list[int] = []
    workers = [make_client(folder) for _ in range(2)]
    threads = [
        threading.Thread(
            target=lambda worker=worker: answers.append(
                worker.post("/api/v1/models?name=mine", data=zipped).status_code
            )
        )
        for worker in workers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [201, 409]
    assert files(folder) == ["mine.onnx"]
    assert workers[0].get("/api/v1/models/mine").status_code == 200


def test_teaching_is_off_unless_it_is_turned_on(folder: Path, zipped: bytes) -> None:
    settings = Settings(models_folder=str(folder))
    client = create_app(ModelStore.from_settings(settings), settings).test_client()
    assert client.post("/api/v1/models?name=mine", data=zipped).status_code == 405
    assert client.delete("/api/v1/models/default").status_code == 405


def test_a_token_is_asked_for_where_the_operator_has_set_one(
    folder: Path, zipped: bytes, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens.txt"
    tokens.write_text("anna " + "ab" * 32 + "\n")
    client = make_client(folder, tokens_file=str(tokens))
    assert client.post("/api/v1/models?name=mine", data=zipped).status_code == 401
    assert client.delete("/api/v1/models/mine").status_code == 401


def test_teaching_without_a_folder_is_refused_at_the_start(tmp_path: Path) -> None:
    for models_folder in ("", str(tmp_path / "none")):
        settings = Settings(teaching="on", models_folder=models_folder)
        with pytest.raises(SettingsError, match="models_folder"):
            create_app(ModelStore.from_settings(settings), settings)
