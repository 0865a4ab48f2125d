"""The desktop microphone, as chunks of samples. Needs sounddevice and PortAudio: `[microphone]`."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from sayso.errors import AudioError

CHUNK_SECONDS = 0.05


@contextmanager
def open_microphone(device: int | str | None = None) -> Iterator[tuple[Iterator[NDArray[np.float32]], int]]:
    """Open a microphone at its own rate: devices that are asked for another one often resample badly.

    Args:
        device: number or name, as sounddevice takes it; the system's default where left out.

    Yields:
        endless chunks `(n,)` float32 in [-1, 1], and their rate in hertz.

    Raises:
        AudioError: sounddevice, PortAudio or a microphone is missing, or the microphone was unplugged.

    """
    try:
        import sounddevice
    except ModuleNotFoundError as error:
        raise AudioError("The microphone needs sounddevice: pip install 'sayso[microphone]'.") from error
    except OSError as error:  # sounddevice is there, the library that it stands on is not
        raise AudioError(
            "The microphone needs the PortAudio library: install it (on Debian: apt install libportaudio2)."
        ) from error
    try:
        rate = int(sounddevice.query_devices(device, "input")["default_samplerate"])
        stream = sounddevice.InputStream(samplerate=rate, device=device, channels=1, dtype="float32")
    except (sounddevice.PortAudioError, ValueError) as error:
        raise AudioError(
            f"No microphone can be opened ({error}): check that one is connected and allowed."
        ) from error

    def chunks() -> Iterator[NDArray[np.float32]]:
        while True:
            try:
                samples, _ = stream.read(round(CHUNK_SECONDS * rate))  # (n, 1), and whether some were lost
            except sounddevice.PortAudioError as error:
                raise AudioError(f"The microphone stopped ({error}): is it still connected?") from error
            yield samples[:, 0]

    with stream:
        yield chunks(), rate


def play(samples: NDArray[np.float32], rate: int) -> None:
    """Play samples `(n,)` in [-1, 1] on the desktop's speakers, to their end.

    Raises:
        AudioError: there are no speakers.

    """
    import sounddevice

    try:
        sounddevice.play(samples, rate, blocking=True)
    except sounddevice.PortAudioError as error:
        raise AudioError(f"The take cannot be played ({error}): leave --replay out.") from error
