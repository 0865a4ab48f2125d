/**
 * A lesson in the browser: embedded recordings and a model's head and memory become a new head, judged before it is
 * used. The same as `teaching/lesson.py` and `teaching/recordings.py`; tests hold both to the same numbers.
 */

import { rowOf } from "./teach-algebra.js";
import { crossValidate, FOLDS, generative, lead, learnAlone, learnBeside, logSumExp, softmax, surest, thresholdFor } from "./teach-head.js";
import { score } from "./teach-measure.js";

const SILENCE = "_silence_";
const UNKNOWN = "_unknown_";
const FALSE_ACCEPT_RATE = 0.05;
const BACKGROUND = 2;
const TEMPERATURE = 0.7;
const HESITATION = 1;
const FAMILIAR = 10;
const SAME_SOUND = 0.5;

/** The variants of a recording: shift in ms, gain in dB, signal-to-noise ratio in dB or none. */
/** @type {[number, number, number | null][]} */
export const VARIANTS = [[0, 0, null], [-80, -12, 20], [80, 6, 20], [-40, 6, 10], [40, -12, 10]];

/** @typedef {import("./teach-measure.js").Head} Head */
/** @typedef {{ temperature: number, threshold: number, false_accept_rate: number | null }} Calibration */
/** What a model remembers: a label and an embedding each; words alone are told apart by its values from `first` on.
 * @typedef {{ labels: string[], embeddings: Float64Array, first: number }} Memory */
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
 * @returns {{ head: Head, calibration: Calibration, report: Report, forgotten: string[] }}
 */
export function teach(model, memory, heard, { beside: wanted = false, falseAcceptRate } = {}) {
  const before = model.calibration;
  const isStaying = (/** @type {string} */ label) => !heard.words.includes(label);
  const isWord = (/** @type {string} */ label) => ![SILENCE, UNKNOWN].includes(label);
  const stay = take(model.head, isStaying);
  // Words that were taught alone are learnt again with the new ones, from what is remembered of them.
  const again = wanted && model.head.measure ? stay.labels.filter(isWord) : [];
  const words = [...again, ...heard.words];
  const labels = heard.labels.map((label) => (label < 0 ? label : label + again.length));
  const beside = wanted && model.head.measure === null && stay.labels.length > 0;
  const forgotten = beside ? [] : sameSounds(memory, heard, words);
  const remembered = [...memory.labels.keys()].filter((row) => !forgotten.includes(memory.labels[row]));
  const names = remembered.map((row) => memory.labels[row]);
  const familiar = names.map((name) => names.filter((other) => other === name).length >= FAMILIAR);
  const examples = gather({ ...heard, words, labels }, memory, remembered, names, familiar);
  const temperature = beside ? before.temperature : TEMPERATURE;
  const kept = scaled(stay, 1 / temperature); // in the scale of probabilities
  const learn = (/** @type {number[]} */ chosen) =>
    beside ? learnBeside(examples, chosen, words, kept) : learnAlone(examples, chosen, words, memory.first);
  const rows = crossValidate(examples, learn);
  const scale = beside ? 1 : 1 / temperature;
  const own = (/** @type {number} */ index) => rows[index].slice(0, words.length).map((value) => value * scale);
  const rest = (/** @type {number} */ index) => {
    const others = rows[index].subarray(words.length);
    return beside ? others : Float64Array.of(logSumExp(others) * scale); // else they are one label
  };
  const first = labels.length * VARIANTS.length;
  const known = names.map((name) => model.head.labels.includes(name));
  /** @type {((row: number) => boolean)[]} */
  const parts = [(row) => known[row], (row) => !known[row] && familiar[row], (row) => !known[row] && !familiar[row]];
  const strange = [...names.keys()].filter((row) => examples.labels[first + row] < 0 && names[row] !== SILENCE);
  const groups = parts.map((belongs) => strange.filter(belongs).map((row) => first + row));
  const rate = falseAcceptRate ?? ((wanted && before.false_accept_rate) || FALSE_ACCEPT_RATE);
  const shift = beside
    ? -HESITATION
    : -Math.max(
        ...groups.flatMap((found, part) => {
          const leads = found.map((row) => lead(own(row), rest(row)));
          // Those with a row of their own are told apart more easily than a word that is none's.
          return found.length ? [thresholdFor(leads, part === 2 ? rate : rate / 2)] : [];
        }),
      );
  const shifted = (/** @type {number} */ index) => own(index).map((value) => value + shift);
  const sure = groups.filter((found) => found.length).map((found) => found.map((row) => surest(shifted(row), rest(row))));
  const threshold = beside ? Math.max(before.threshold, ...sure.map((group) => thresholdFor(group, rate))) : 0.5;
  const given = labels.map((_, index) => {
    const row = index * VARIANTS.length;
    return softmax(Float64Array.from([...shifted(row), ...rest(row)]));
  });
  const learnt = scaled(learn([...examples.labels.keys()]), beside ? temperature : 1);
  for (const word of words.keys()) learnt.bias[word] += shift * temperature;
  return {
    head: ordered(learnt, words),
    calibration: { temperature, threshold, false_accept_rate: rate },
    report: judge({ ...heard, words, labels }, heard.words, given, sure, threshold),
    forgotten,
  };
}

/**
 * @param {Heard} heard @param {string[]} fresh those of its words that are new
 * @param {Float64Array[]} given @param {number[][]} sure @param {number} threshold
 * @returns {Report}
 */
function judge({ words, labels }, fresh, given, sure, threshold) {
  const heard = given.map((row) => row.indexOf(Math.max(...row)));
  const own = labels.map((label, index) => (label < 0 ? 0 : given[index][label]));
  const said = [...labels.keys()].filter((index) => labels[index] >= 0);
  const right = (/** @type {number} */ index) => heard[index] === labels[index];
  const accepted = (/** @type {number} */ index) => right(index) && own[index] >= threshold;
  const shareOf = (/** @type {number[]} */ group) => group.filter((value) => value >= threshold).length / group.length;
  return {
    words: fresh.map((word) => {
      const mine = said.filter((index) => labels[index] === words.indexOf(word));
      const [recognised, surely] = [mine.filter(right).length, mine.filter(accepted).length];
      return { word, recordings: mine.length, recognised, accepted: surely };
    }),
    accuracy: said.filter(right).length / said.length,
    accepted: said.filter(accepted).length / said.length,
    false_accepts: Math.max(0, ...sure.map(shareOf)),
    strangers: sure.flat().length,
    threshold,
    given: own,
    heard: heard.map((label) => (label < words.length ? fresh.indexOf(words[label]) : -1)),
  };
}

/** The remembered words as which new ones are heard, by all of the embedding. @param {Memory} memory @param {Heard} heard @param {string[]} words */
function sameSounds(memory, heard, words) {
  const { length: total } = memory.labels;
  const others = [...new Set(memory.labels)].sort().filter((name) => {
    const count = memory.labels.filter((other) => other === name).length;
    return count >= FAMILIAR && name !== SILENCE && !words.includes(name);
  });
  if (others.length === 0) return [];
  const rows = memory.labels.map((_, row) => rowOf(memory.embeddings, row, total));
  const speech = rows.filter((_, row) => memory.labels[row] !== SILENCE);
  const { head } = generative(rows, memory.labels.map((label) => others.indexOf(label)), speech);
  const width = rows[0].length;
  return heard.words.flatMap((_, label) => {
    const mine = [...heard.labels.keys()].filter((index) => heard.labels[index] === label);
    const means = new Float64Array(others.length);
    for (const index of mine) {
      const start = index * VARIANTS.length * width;
      const given = softmax(score(head, heard.embeddings.subarray(start, start + width)));
      means.forEach((_, other) => (means[other] += given[other] / mine.length));
    }
    const surely = Math.max(...means);
    return surely >= SAME_SOUND ? [others[means.indexOf(surely)]] : [];
  });
}

/**
 * The recordings with their variants, then what is remembered.
 * @param {Heard} heard @param {Memory} memory @param {number[]} remembered rows of the memory @param {string[]} names their labels
 * @param {boolean[]} familiar
 * @returns {import("./teach-head.js").Examples}
 */
function gather({ words, labels, embeddings }, memory, remembered, names, familiar) {
  const variants = VARIANTS.length;
  const total = labels.length * variants;
  const known = names.map((name) => words.indexOf(name));
  const number = new Map([...new Set(names)].map((name, index) => [name, index]));
  const others = [...new Set(names.filter((_, row) => familiar[row] && known[row] < 0))];
  /** @type {number[]} */
  const taken = new Array(words.length + 1).fill(0);
  const folds = labels.map((label) => taken[label + 1]++ % FOLDS);
  const inMemory = (/** @type {number} */ label) => known.filter((other) => other === label).length;
  const recordings = (/** @type {number} */ label) => labels.filter((other) => other === label).length;
  const weights = known.map((label) => (recordings(label) ? recordings(label) / inMemory(label) : 1));
  const taught = labels.length + known.filter((label) => label >= 0 && !recordings(label)).length;
  known.forEach((label, row) => {
    if (label < 0) weights[row] = (BACKGROUND * taught) / inMemory(-1);
  });
  const repeated = (/** @type {number[]} */ values) => values.flatMap((value) => new Array(variants).fill(value));
  const groupOf = (/** @type {string} */ name, /** @type {number} */ row) => {
    if (known[row] >= 0) return known[row];
    return familiar[row] ? words.length + others.indexOf(name) : -1;
  };
  return {
    embeddings: [
      ...[...new Array(total).keys()].map((row) => rowOf(embeddings, row, total)),
      ...remembered.map((row) => rowOf(memory.embeddings, row, memory.labels.length)),
    ],
    labels: [...repeated(labels), ...known],
    weights: [...repeated(labels.map(() => 1 / variants)), ...weights],
    folds: [
      ...repeated(folds),
      ...names.map((name, row) => (known[row] < 0 ? (familiar[row] ? row : (number.get(name) ?? 0)) % FOLDS : -1)),
    ],
    groups: [...repeated(labels).map((label, row) => (row % variants === 0 ? label : -1)), ...names.map(groupOf)],
    speech: [...new Array(total).fill(false), ...names.map((name) => name !== SILENCE)],
  };
}

/** The rows in the order of their labels. @param {Head} all @param {string[]} words the new ones @returns {Head} */
function ordered(all, words) {
  const isNew = (/** @type {string} */ label) => words.includes(label);
  const places = [(/** @type {string} */ label) => !isNew(label) && ![SILENCE, UNKNOWN].includes(label), isNew];
  places.push((label) => label === SILENCE, (label) => label === UNKNOWN);
  const parts = places.map((belongs) => take(all, belongs));
  return {
    ...all,
    labels: parts.flatMap((part) => part.labels),
    weight: Float64Array.from(parts.flatMap((part) => [...part.weight])),
    bias: Float64Array.from(parts.flatMap((part) => [...part.bias])),
  };
}

/** @param {Head} head @param {number} factor @returns {Head} */
function scaled(head, factor) {
  return { ...head, weight: head.weight.map((value) => value * factor), bias: head.bias.map((value) => value * factor) };
}

/** The rows whose labels are wanted. @param {Head} head @param {(label: string) => boolean} wanted @returns {Head} */
function take(head, wanted) {
  const rows = [...head.labels.keys()].filter((row) => wanted(head.labels[row]));
  return {
    ...head,
    labels: rows.map((row) => head.labels[row]),
    weight: Float64Array.from(rows.flatMap((row) => [...rowOf(head.weight, row, head.labels.length)])),
    bias: Float64Array.from(rows.map((row) => head.bias[row])),
  };
}
