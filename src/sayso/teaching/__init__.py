"""Teaching: a few recordings of new words and a model file become another model file. No torch."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from sayso.errors import ModelError
from sayso.recognizer import Recognizer
from sayso.teaching.hearing import Heard, Named, hear
from sayso.teaching.lesson import Lesson, remembered
from sayso.teaching.model_file import ModelFile
from sayso.teaching.report import Report, TaughtWord

__all__ = ["Report", "Taught", "TaughtWord", "teach"]

REMEMBERED = 40  # embeddings of each new word


@dataclass(frozen=True)
class Taught:
    """A model file, and how good it is."""

    content: bytes
    report: Report


def teach(
    base: bytes,
    words: Mapping[str, Named],
    *,
    not_words: Named = (),
    beside: bool = False,
    name: str = "my-words",
    false_accept_rate: float | None = None,
) -> Taught:
    """Teach a model new words.

    Args:
        base: a model file with a memory, such as `default`.
        words: recordings of each word, three or more, each with what to call it. Those of a word that the
            model knows join what it remembers of it.
        not_words: recordings in which none of the words is said.
        beside: keep the words that the model knows, too; otherwise they are only told apart from the new.
        name: of the new model.
        false_accept_rate: share of strangers' words that may pass for a new word: the base's own where its
            words stay, 5 % otherwise.

    Raises:
        ModelError: the base cannot be taught.
        TeachingError: words or recordings that nothing can be taught from; the message says which.

    """
    opened = ModelFile.read(base)
    if opened.memory is None:
        raise ModelError(
            f"The model {opened.card.name} remembers nothing to teach against: run "
            "`sayso remember` on its file."
        )
    heard = hear(Recognizer(base), words, not_words)
    learnt = Lesson(opened, opened.memory, heard, beside=beside).learn(false_accept_rate)
    memory = opened.memory.without(*learnt.forgotten)
    memory = memory.adding(*remembered(memory, heard, REMEMBERED))
    labels = tuple(dict.fromkeys(learnt.head.labels))
    card = dataclasses.replace(
        opened.card,
        name=name,
        labels=labels,
        calibration=learnt.calibration,
        trained_on=f"{_describe(heard)}; before, {opened.card.trained_on}",
        training_clips=_clips(opened, heard, labels),
        figures=(),
    )
    return Taught(opened.write(card, learnt.head, memory), learnt.report)


def _describe(heard: Heard) -> str:
    return f"taught {', '.join(heard.words)} with {int((heard.labels >= 0).sum())} recordings"


def _clips(opened: ModelFile, heard: Heard, labels: tuple[str, ...]) -> tuple[int, ...]:
    """How many recordings of each label there were; none where the base does not say."""
    before = dict(zip(opened.card.labels, opened.card.training_clips, strict=False))
    if not before:
        return ()
    new = {word: int((heard.labels == label).sum()) for label, word in enumerate(heard.words)}
    return tuple(before.get(label, 0) + new.get(label, 0) for label in labels)
