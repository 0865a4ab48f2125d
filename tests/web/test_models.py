import hashlib
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from sayso import audio
from sayso.recognizer import Recognition, Recognizer, bundled
from sayso.web import Settings, create_app
from sayso.web.models import BrokenModel, ModelStore, UnknownModel
from web.fake_recognizer import FakeRecognizer, tone

SMALL, OTHER = bundled()["m5"], bundled()["default"]


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def put(source: Path, target: Path) -> Path:
    """Copy beside, then move into place, as an operator should."""
    beside = target.with_suffix(".new")
    shutil.copy(source, beside)
    beside.replace(target)
    return target


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def store(folder: Path) -> ModelStore:
    return ModelStore(folder=folder)


@pytest.fixture
def client(store: ModelStore) -> FlaskClient:
    return create_app(store, Settings()).test_client()


def test_models_that_ship_are_there_by_name(store: ModelStore) -> None:
    assert store.names() == ["default", "m5", "tiny"]
    assert store.get().name == "default"
    assert store.get("m5").digest == digest_of(SMALL)


def test_nothing_is_loaded_before_it_is_asked_for(folder: Path) -> None:
    loaded: list[Path] = []

    def load(path: Path) -> Recognizer:
        loaded.append(path)
        return Recognizer(path)

    store = ModelStore(folder=folder, load=load)
    store.names()
    assert loaded == []
    store.get("m5"), store.get("m5")
    assert loaded == [SMALL]


def test_a_model_may_be_a_file_anywhere(tmp_path: Path) -> None:
    store = ModelStore(str(put(SMALL, tmp_path / "my words!.onnx")))

    assert store.names() == ["my-words", "default", "m5", "tiny"]
    assert store.get().digest == digest_of(SMALL)


def test_a_file_is_added_replaced_and_removed(store: ModelStore, folder: Path) -> None:
    with pytest.raises(UnknownModel, match="'mine'"):
        store.get("mine")

    put(SMALL, folder / "mine.onnx")
    assert "mine" in store.names()
    assert store.get("mine").digest == digest_of(SMALL)

    put(OTHER, folder / "mine.onnx")
    assert store.known("mine")[1] == digest_of(OTHER)
    assert store.get("mine").digest == digest_of(OTHER)

    (folder / "mine.onnx").unlink()
    with pytest.raises(UnknownModel):
        store.get("mine")
    assert store.names() == ["default", "m5", "tiny"]


def test_a_file_in_the_folder_comes_before_the_one_that_ships(store: ModelStore, folder: Path) -> None:
    put(SMALL, folder / "default.onnx")
    assert store.get().digest == digest_of(SMALL)

    (folder / "default.onnx").unlink()
    assert store.get().digest == digest_of(OTHER)


@pytest.mark.parametrize("broken", [b"", b"no model", SMALL.read_bytes()[:50_000]])
def test_a_broken_file_is_reported_and_the_old_one_answers(
    store: ModelStore, folder: Path, broken: bytes
) -> None:
    file = put(SMALL, folder / "mine.onnx")
    store.get("mine")

    file.write_bytes(broken)
    assert store.get("mine").digest == digest_of(SMALL)
    assert list(store.problems()) == ["mine"]
    assert str(folder) not in store.problems()["mine"]
    store.sweep(now=1e12)  # long unused, but nothing else could take its place
    assert store.get("mine").digest == digest_of(SMALL)

    put(OTHER, file)
    assert store.get("mine").digest == digest_of(OTHER)
    assert store.problems() == {}


def test_a_worker_that_never_loaded_a_model_has_the_others_copy(folder: Path, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    file = put(SMALL, folder / "mine.onnx")
    one, other = (ModelStore(folder=folder, copies=copies) for _ in range(2))
    one.get("mine")

    file.write_bytes(b"no model")
    assert other.get("mine").digest == digest_of(SMALL)
    assert list(other.problems()) == ["mine"]
    put(OTHER, file)
    assert other.get("mine").digest == digest_of(OTHER)
    assert [path.name for path in copies.iterdir()] == ["mine.onnx"]


def test_a_file_broken_from_the_start_is_a_problem_and_no_answer(store: ModelStore, folder: Path) -> None:
    (folder / "mine.onnx").write_bytes(b"no model")

    with pytest.raises(BrokenModel, match="'mine' cannot be used"):
        store.get("mine")
    assert "mine" in store.problems()


def test_a_name_that_cannot_be_asked_for_is_a_problem(store: ModelStore, folder: Path) -> None:
    put(SMALL, folder / "my words.onnx")

    assert "my words" not in store.names()
    assert "letters" in store.problems()["my words"]
    with pytest.raises(UnknownModel):
        store.get("my words")
    with pytest.raises(UnknownModel):
        store.get("../models/my words")


def test_unused_models_are_dropped_the_default_stays(folder: Path) -> None:
    for name in "abc":
        put(SMALL, folder / f"{name}.onnx")
    store = ModelStore(folder=folder, kept=2, idle_s=100)
    for name in ("default", "a", "b", "c"):
        store.get(name)

    store.sweep()
    assert store.loaded() == ["default", "b", "c"]

    store.sweep(now=1e12)
    assert store.loaded() == ["default"]
    assert store.known("a")[1] == store.get("a").digest


def test_replacing_fails_no_request(store: ModelStore, folder: Path) -> None:
    file = put(SMALL, folder / "mine.onnx")
    digests = {digest_of(SMALL), digest_of(OTHER)}
    recording = audio.decode(tone("up"), 16_000)
    ended = threading.Event()

    def ask() -> set[str]:
        seen = set()
        while not ended.is_set():
            model = store.get("mine")
            assert model.recognizer.recognize_samples(recording, top=1).word
            seen.add(model.digest)
        return seen

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        try:
            for turn in range(10):
                put((SMALL, OTHER)[turn % 2], file)
                store.get("mine")
        finally:
            ended.set()
    assert set().union(*(each.result() for each in asking)) <= digests


def test_a_request_ends_with_the_model_it_began_with(folder: Path) -> None:
    file = put(SMALL, folder / "mine.onnx")

    class Replaced(Recognizer):
        def recognize_samples(self, samples: audio.Samples, *, top: int = 3) -> Recognition:
            if self.digest == digest_of(SMALL):
                put(OTHER, file)
            return super().recognize_samples(samples, top=top)

    client = create_app(ModelStore("mine", folder, load=Replaced)).test_client()
    first, second = (client.post("/audio", data=tone("up")) for _ in range(2))

    assert [first.status_code, second.status_code] == [200, 200]
    assert first.get_json()["digest"] == first.headers["Sayso-Digest"] == digest_of(SMALL)
    assert second.get_json()["digest"] == second.headers["Sayso-Digest"] == digest_of(OTHER)


def test_the_list_names_what_a_listener_must_know(client: FlaskClient, folder: Path) -> None:
    put(SMALL, folder / "mine.onnx")
    (folder / "broken.onnx").write_bytes(b"no model")

    listed = client.get("/api/v1/models").get_json()["models"]

    assert [(each["name"], each["default"]) for each in listed] == [
        ("default", True),
        ("m5", False),
        ("mine", False),
        ("tiny", False),
    ]
    assert listed[2]["digest"] == digest_of(SMALL)
    assert (listed[2]["sample_rate"], listed[2]["window_seconds"]) == (16_000, 1.0)
    assert len(listed[2]["words"]) == 35


def test_a_card_is_given_whole(client: FlaskClient) -> None:
    response = client.get("/api/v1/models/m5")

    assert response.headers["Sayso-Model"] == "m5"
    assert response.headers["Sayso-Digest"] == digest_of(SMALL)
    card = response.get_json()
    assert card["digest"] == digest_of(SMALL)
    assert card["calibration"]["temperature"] > 0
    assert card["licence"]


def test_a_file_is_given_whole_in_part_and_only_when_changed(client: FlaskClient) -> None:
    address = client.get("/api/v1/models/m5").get_json()["file"]
    whole = client.get(address)

    assert whole.data == SMALL.read_bytes()
    assert whole.cache_control.immutable
    etag = whole.headers["ETag"]
    assert digest_of(SMALL) in etag
    assert client.get("/api/v1/models/m5.onnx", headers={"If-None-Match": etag}).status_code == 304
    part = client.get("/api/v1/models/m5.onnx", headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.data) == (206, SMALL.read_bytes()[100:200])
    assert part.cache_control.no_cache
    beyond = client.get("/api/v1/models/m5.onnx", headers={"Range": "bytes=999999999-"})
    assert beyond.status_code == 416


@pytest.mark.parametrize(
    "path", ["/api/v1/models/none", "/api/v1/models/none.onnx", "/api/v1/models/m5.onnx?digest=" + "0" * 64]
)
def test_a_model_that_is_not_there_is_missing(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_broken_default_is_said_and_not_a_crash(tmp_path: Path) -> None:
    file = tmp_path / "mine.onnx"
    file.write_bytes(b"no model")
    client = create_app(ModelStore(os.fspath(file))).test_client()

    for path in ("/audio", "/api/v1/recognitions"):
        assert client.post(path, data=tone("up")).status_code == 503
    assert client.get("/healthz").status_code == 200
    assert client.get("/nowhere").status_code == 404
    assert client.get("/").status_code in (200, 503)


def test_one_recogniser_is_a_store_too() -> None:
    client = create_app(FakeRecognizer()).test_client()

    assert [each["name"] for each in client.get("/api/v1/models").get_json()["models"]] == ["pitches"]
    assert client.get("/api/v1/models/pitches.onnx").status_code == 404
