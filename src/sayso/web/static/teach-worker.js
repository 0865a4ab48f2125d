/**
 * The thread in which a head is learnt: takes one question, gives one answer.
 */

import { addToMemory, embeddingsOf, forget, readModel, writeModel } from "./teach-model.js";
import { teach, VARIANTS } from "./teaching.js";

/** @typedef {import("./teaching.js").Heard} Heard */
/** @typedef {{ content: Uint8Array, heard: Heard, beside: boolean, name: string }} Question */

const REMEMBERED = 40; // embeddings of each new word
// The DOM's types know this scope as a window; a worker's other end has the very methods that are used here.
const scope = /** @type {Worker} */ (/** @type {unknown} */ (self));

/** @param {MessageEvent<Question>} event */
scope.onmessage = ({ data: { content, heard, beside, name } }) => {
  const opened = readModel(content);
  const { card, head, memory } = opened;
  if (memory === null) {
    scope.postMessage(null);
    return;
  }
  const past = { labels: memory.labels, embeddings: embeddingsOf(memory), first: memory.first };
  const learnt = teach({ head, calibration: card.calibration }, past, heard, { beside });
  const { labels, embeddings } = asSaid(heard);
  const recordings = heard.labels.filter((label) => label >= 0).length;
  const allLabels = [...new Set(learnt.head.labels)];
  const taught = {
    ...card,
    name,
    labels: allLabels,
    calibration: learnt.calibration,
    trained_on: `taught ${heard.words.join(", ")} with ${recordings} recordings; before, ${card.trained_on}`,
    training_clips: clipsOf(card, heard, allLabels),
    figures: [],
  };
  const kept = learnt.forgotten.reduce(forget, memory);
  const file = writeModel(opened, taught, learnt.head, addToMemory(kept, labels, embeddings));
  scope.postMessage({ file, report: learnt.report }, [file.buffer]);
};

/**
 * How many recordings of each label there were; none where the base does not say.
 *
 * @param {import("./card.js").Card} card the base's
 * @param {Heard} heard
 * @param {string[]} labels
 */
function clipsOf({ labels: known, training_clips: before = [] }, { words, labels: said }, labels) {
  if (before.length === 0) return [];
  const clips = new Map(known.map((label, i) => [label, before[i]]));
  words.forEach((word, i) => clips.set(word, (clips.get(word) ?? 0) + said.filter((label) => label === i).length));
  return labels.map((label) => clips.get(label) ?? 0);
}

/** Labels and embeddings of the recordings as they are, the first of each word. @param {Heard} heard */
function asSaid({ words, labels, embeddings }) {
  const width = embeddings.length / labels.length / VARIANTS.length;
  const chosen = words.flatMap((_, label) =>
    [...labels.keys()].filter((row) => labels[row] === label).slice(0, REMEMBERED),
  );
  const rows = chosen.map((row) => embeddings.subarray(row * VARIANTS.length * width).subarray(0, width));
  return {
    labels: chosen.map((row) => words[labels[row]]),
    embeddings: Float64Array.from(rows.flatMap((row) => [...row])),
  };
}
