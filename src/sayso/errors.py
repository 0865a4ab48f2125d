"""What can go wrong, as one tree.

    SaysoError                    a mistake a user can mend; the message says how
    ├── AudioError                a recording that cannot be heard
    │   ├── EmptyAudio            no bytes, or no samples
    │   ├── NotAudio              bytes that are no recording, or a damaged one
    │   ├── UnsupportedFormat     a recording in a format this installation cannot read
    │   ├── AudioTooLong          more seconds than were allowed
    │   ├── AudioOutOfBounds      a sample rate, channel count or sample value outside what is accepted
    │   └── SilentAudio           nothing but (almost) zeros
    ├── ModelError                a model file or name that cannot be used
    ├── TeachingError             words or recordings that nothing can be taught from
    ├── DataError                 a folder of recordings that cannot be trained or judged on
    ├── RecipeError               a recipe with a wrong or missing entry
    ├── RunError                  a run folder that cannot be continued, exported or compared
    └── SettingsError             a server setting that cannot be used

Anything that is not a `SaysoError` is our own fault. The command line turns the tree into exit code 2,
the server into a 4xx whose `error.code` is the class's `code`.
"""

from typing import ClassVar


class SaysoError(Exception):
    """A mistake a user can mend; the message says how."""

    code: ClassVar[str] = "error"


class AudioError(SaysoError):
    """A recording that cannot be heard."""

    code = "audio"


class EmptyAudio(AudioError):
    """No bytes, or no samples."""

    code = "empty_audio"


class NotAudio(AudioError):
    """Bytes that are no recording, or a damaged one."""

    code = "not_audio"


class UnsupportedFormat(AudioError):
    """A recording in a format this installation cannot read."""

    code = "unsupported_format"


class AudioTooLong(AudioError):
    """More seconds than were allowed."""

    code = "audio_too_long"


class AudioOutOfBounds(AudioError):
    """A sample rate, channel count or sample value outside what is accepted."""

    code = "audio_out_of_bounds"


class SilentAudio(AudioError):
    """Nothing but (almost) zeros."""

    code = "silent_audio"


class ModelError(SaysoError):
    """A model file or name that cannot be used."""

    code = "model"


class TeachingError(SaysoError):
    """Words or recordings that nothing can be taught from."""

    code = "teaching"


class DataError(SaysoError):
    """A folder of recordings that cannot be trained or judged on."""

    code = "data"


class RecipeError(SaysoError):
    """A recipe with a wrong or missing entry."""

    code = "recipe"


class RunError(SaysoError):
    """A run folder that cannot be continued, exported or compared."""

    code = "run"


class SettingsError(SaysoError):
    """A server setting that cannot be used."""

    code = "settings"
