/**
 * A lesson in the browser: embedded recordings and a model's head and memory become a new head, judged before it is
 * used. The same as `teaching/lesson.py` and `teaching/recordings.py`; tests hold both to the same numbers.
 */

import { crossValidate, dot, FOLDS, lead, learn, rowOf, softmax, surest, thresholdFor } from "./teach-head.js";

const SILENCE = "_silence_";
const UNKNOWN = "_unknown_";
const FALSE_ACCEPT_RATE = 0.05;
const BACKGROUND = 2;
const RIVAL_SCALE = 0.5;
const HESITATION = 2;
const FAMILIAR = 10;
const SAME_SOUND = 0.9;

/** The variants of a recording: shift in ms, gain in dB, signal-to-noise ratio in dB or none. */
/** @type {[number, number, number | null][]} */
export const VARIANTS = [[0, 0, null], [-80, -12, 20], [80, 6, 20], [-40, 6, 10], [40, -12, 10]];

/** Rows of a head: a label, a row of weights and a bias each.
 * @typedef {{ labels: string[], weight: Float64Array, bias: Float64Array }} Head */
/** @typedef {{ temperature: number, threshold: number, false_accept_rate: number | null }} Calibration */
/** What a model remembers: a label and an embedding each. @typedef {{ labels: string[], embeddings: Float64Array }} Memory */
/** Recordings of words: `labels` counts from 0, -1 for no word; `embeddings` is `(N, VARIANTS, features)`.
 * @typedef {{ words: string[], labels: number[], embeddings: Float64Array }} Heard */
/** @typedef {{ words: { word: string, recordings: number, recognised: number, accepted: number }[], accuracy: number,
 *   accepted: number, false_accepts: number, strangers: number, threshold: number,
 *   given: number[], heard: number[] }} Report  `given` and `heard`: what each recording's own word was given, and
 *   which of `words` it was taken for, -1 for none */

/**
 * Learn new words.
 * @param {{ head: Head, calibration: Calibration }} model
 * @param {Memory} memory
 * @param {Heard} heard
 * @param {{ beside?: boolean, falseAcceptRate?: number }} options
 * @returns {{ head: Head, calibration: Calibration, report: Report }}
 */
export function teach(model, memory, heard, { beside = false, falseAcceptRate } = {}) {
  const { words, labels } = heard;
  const before = model.calibration;
  const count = labels.length;
  const features = model.head.weight.length / model.head.labels.length;
  const dropped = new Set([...words, ...(beside ? [] : sameSounds(model.head, before.temperature, heard, features))]);
  const kept = scaled(
    take(model.head, (label) => !dropped.has(label)),
    (beside ? 1 : RIVAL_SCALE) / before.temperature,
  );
  const forgotten = new Set([...dropped].filter((label) => !words.includes(label)));
  const remembered = [...memory.labels.keys()].filter((row) => !forgotten.has(memory.labels[row]));
  const names = remembered.map((row) => memory.labels[row]);
  const familiar = names.map((name) => names.filter((other) => other === name).length >= FAMILIAR);
  const examples = gather(heard, memory, remembered, names, familiar, features);
  const total = examples.labels.length;
  const others = new Float64Array(total * Math.max(1, kept.labels.length));
  for (let index = 0; index < total; index++) {
    rowOf(others, index, total).set(score(kept, rowOf(examples.embeddings, index, total)));
  }
  const scores = crossValidate(examples, words.length, others);
  const first = count * VARIANTS.length;
  const known = names.map((name) => model.head.labels.includes(name));
  /** @type {((row: number) => boolean)[]} */
  const parts = [(row) => known[row], (row) => !known[row] && familiar[row], (row) => !known[row] && !familiar[row]];
  const strange = [...names.keys()].filter((row) => examples.labels[first + row] < 0 && names[row] !== SILENCE);
  const groups = parts.map((belongs) => strange.filter(belongs).map((row) => first + row)).filter((rows) => rows.length);
  const rate = falseAcceptRate ?? ((beside && before.false_accept_rate) || FALSE_ACCEPT_RATE);
  const own = (/** @type {number} */ index) => rowOf(scores, index, total);
  const rest = (/** @type {number} */ index) => rowOf(others, index, total);
  const shift = beside
    ? -HESITATION
    : -Math.max(...groups.map((rows) => thresholdFor(rows.map((row) => lead(own(row), rest(row))), rate)));
  const shifted = (/** @type {number} */ index) => own(index).map((value) => value + shift);
  const sure = groups.map((rows) => rows.map((row) => surest(shifted(row), rest(row))));
  const threshold = beside ? Math.max(before.threshold, ...sure.map((group) => thresholdFor(group, rate))) : 0.5;
  const given = labels.map((_, index) => {
    const row = index * VARIANTS.length;
    return softmax(Float64Array.from([...shifted(row), ...rest(row)]));
  });
  const rows = learn(examples, words.length, others);
  const temperature = beside ? before.temperature : 1;
  const added = { labels: words, weight: rows.weight, bias: rows.bias.map((value) => value + shift) };
  return {
    head: scaled(join(kept, added, beside), temperature),
    calibration: { temperature, threshold, false_accept_rate: rate },
    report: judge(heard, given, sure, threshold),
  };
}

/** @param {Heard} heard @param {Float64Array[]} given @param {number[][]} sure @param {number} threshold @returns {Report} */
function judge({ words, labels }, given, sure, threshold) {
  const heard = given.map((row) => row.indexOf(Math.max(...row)));
  const own = labels.map((label, index) => (label < 0 ? 0 : given[index][label]));
  const said = [...labels.keys()].filter((index) => labels[index] >= 0);
  const right = (/** @type {number} */ index) => heard[index] === labels[index];
  const accepted = (/** @type {number} */ index) => right(index) && own[index] >= threshold;
  const shareOf = (/** @type {number[]} */ group) => group.filter((value) => value >= threshold).length / group.length;
  return {
    words: words.map((word, label) => {
      const mine = said.filter((index) => labels[index] === label);
      const [recognised, surely] = [mine.filter(right).length, mine.filter(accepted).length];
      return { word, recordings: mine.length, recognised, accepted: surely };
    }),
    accuracy: said.filter(right).length / said.length,
    accepted: said.filter(accepted).length / said.length,
    false_accepts: Math.max(0, ...sure.map(shareOf)),
    strangers: sure.flat().length,
    threshold,
    given: own,
    heard: heard.map((label) => (label < words.length ? label : -1)),
  };
}

/** The model's words as which new ones are surely heard. @param {Head} head @param {number} temperature @param {Heard} heard @param {number} features */
function sameSounds(head, temperature, heard, features) {
  const same = [];
  for (const label of heard.words.keys()) {
    const mine = [...heard.labels.keys()].filter((index) => heard.labels[index] === label);
    const means = new Float64Array(head.labels.length);
    for (const index of mine) {
      const start = index * VARIANTS.length * features;
      const scores = score(head, heard.embeddings.subarray(start, start + features));
      softmax(scores.map((value) => value / temperature)).forEach((value, row) => (means[row] += value / mine.length));
    }
    const row = means.indexOf(Math.max(...means));
    const isWord = ![SILENCE, UNKNOWN].includes(head.labels[row]);
    if (means[row] >= SAME_SOUND && isWord) same.push(head.labels[row]);
  }
  return same;
}

/**
 * The recordings with their variants, then what is remembered.
 * @param {Heard} heard @param {Memory} memory @param {number[]} remembered rows of the memory @param {string[]} names their labels
 * @param {boolean[]} familiar @param {number} features
 */
function gather({ words, labels, embeddings }, memory, remembered, names, familiar, features) {
  const variants = VARIANTS.length;
  const known = names.map((name) => words.indexOf(name));
  const number = new Map([...new Set(names)].map((name, index) => [name, index]));
  /** @type {number[]} */
  const taken = new Array(words.length + 1).fill(0);
  const folds = labels.map((label) => taken[label + 1]++ % FOLDS);
  const inMemory = (/** @type {number} */ label) => known.filter((other) => other === label).length;
  const worth = new Map([[-1, (BACKGROUND * labels.length) / Math.max(1, inMemory(-1))]]);
  for (const label of words.keys()) {
    worth.set(label, labels.filter((other) => other === label).length / Math.max(1, inMemory(label)));
  }
  const all = new Float64Array(embeddings.length + remembered.length * features);
  all.set(embeddings);
  remembered.forEach((row, index) => {
    all.set(memory.embeddings.subarray(row * features, (row + 1) * features), embeddings.length + index * features);
  });
  const repeated = (/** @type {number[]} */ values) => values.flatMap((value) => new Array(variants).fill(value));
  return {
    embeddings: all,
    features,
    labels: [...repeated(labels), ...known],
    weights: [...repeated(labels.map(() => 1 / variants)), ...known.map((label) => worth.get(label) ?? 0)],
    folds: [
      ...repeated(folds),
      ...names.map((name, row) => (known[row] < 0 ? (familiar[row] ? row : (number.get(name) ?? 0)) % FOLDS : -1)),
    ],
  };
}

/** All rows of the new model, in the order of its labels. @param {Head} kept @param {Head} added @param {boolean} beside */
function join(kept, added, beside) {
  const features = added.weight.length / added.labels.length;
  const stay = kept.labels.length ? kept : { labels: [UNKNOWN], weight: new Float64Array(features), bias: new Float64Array(1) };
  const old = beside ? kept : { ...stay, labels: stay.labels.map(() => UNKNOWN) };
  const all = {
    labels: [...old.labels, ...added.labels],
    weight: Float64Array.from([...old.weight, ...added.weight]),
    bias: Float64Array.from([...old.bias, ...added.bias]),
  };
  const places = [(/** @type {string} */ label) => ![SILENCE, UNKNOWN].includes(label)];
  places.push((label) => label === SILENCE, (label) => label === UNKNOWN);
  const parts = places.map((belongs) => take(all, belongs));
  return {
    labels: parts.flatMap((part) => part.labels),
    weight: Float64Array.from(parts.flatMap((part) => [...part.weight])),
    bias: Float64Array.from(parts.flatMap((part) => [...part.bias])),
  };
}

/** @param {Head} head @param {Float64Array} embedding */
function score(head, embedding) {
  return head.bias.map((bias, row) => bias + dot(embedding, head.weight, row * embedding.length));
}

/** @param {Head} head @param {number} factor @returns {Head} */
function scaled(head, factor) {
  return { ...head, weight: head.weight.map((value) => value * factor), bias: head.bias.map((value) => value * factor) };
}

/** The rows whose labels are wanted. @param {Head} head @param {(label: string) => boolean} wanted @returns {Head} */
function take(head, wanted) {
  const rows = [...head.labels.keys()].filter((row) => wanted(head.labels[row]));
  return {
    labels: rows.map((row) => head.labels[row]),
    weight: Float64Array.from(rows.flatMap((row) => [...rowOf(head.weight, row, head.labels.length)])),
    bias: Float64Array.from(rows.map((row) => head.bias[row])),
  };
}
