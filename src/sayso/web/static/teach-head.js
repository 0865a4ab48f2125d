/**
 * A few embeddings become the rows of a head: the same as `teaching/head.py`, step by step; tests hold both to the
 * same numbers.
 */

import { cholesky, dot, outerProducts, rowOf, solve, times } from "./teach-algebra.js";
import { centred, featuresOf, meanOf, measureOf, score } from "./teach-measure.js";

const UNKNOWN = "_unknown_";
const STEPS = 30;
const REGULARIZATION = 1.5;
const GENERATIVE_REGULARIZATION = 30;
const SHARPNESS = 0.06;
export const FOLDS = 5;

/** @typedef {import("./teach-measure.js").Head} Head */
/** What is learnt from, see `Examples` in `head.py`.
 * @typedef {{ embeddings: Float64Array[], labels: number[], weights: number[], folds: number[], groups: number[],
 *   speech: boolean[] }} Examples */

/**
 * Learn the rows of words beside those that are kept.
 * @param {Examples} examples
 * @param {number[]} chosen indices of those to learn from
 * @param {string[]} words
 * @param {Head} kept
 * @returns {Head} the new rows, then those that are kept
 */
export function learnBeside({ embeddings, labels, weights }, chosen, words, kept) {
  const features = embeddings.map((embedding) => featuresOf(kept, embedding));
  const { mean, scale } = standard(features.filter((_, index) => labels[index] < 0));
  const rows = regress(
    chosen.map((index) => features[index].map((value, column) => (value - mean[column]) / scale[column])),
    chosen.map(() => new Float64Array(words.length)),
    chosen.map((index) => logSumExp(score(kept, embeddings[index]))),
    chosen.map((index) => labels[index]),
    chosen.map((index) => weights[index]),
    REGULARIZATION,
  );
  const weight = rows.map((row) => scale.map((value, column) => row[column] / value));
  const bias = rows.map((row, word) => row[scale.length] - dot(mean, weight[word], 0));
  return {
    labels: [...words, ...kept.labels],
    weight: Float64Array.from([...weight.flatMap((row) => [...row]), ...kept.weight]),
    bias: Float64Array.from([...bias, ...kept.bias]),
    measure: kept.measure,
  };
}

/**
 * Learn the rows of words alone, and of all other speech.
 * @param {Examples} examples
 * @param {number[]} chosen indices of those to learn from
 * @param {string[]} words
 * @param {number} first the embeddings' values before it are left out
 * @returns {Head} the new rows, then all others
 */
export function learnAlone(examples, chosen, words, first) {
  const embeddings = chosen.map((index) => examples.embeddings[index]);
  const groups = chosen.map((index) => examples.groups[index]);
  const speech = embeddings.filter((_, place) => examples.speech[chosen[place]]);
  const { head, precision } = generative(embeddings, groups, speech, first);
  head.labels = [...words, ...new Array(head.bias.length - words.length).fill(UNKNOWN)];
  const width = speech[0].length - first;
  const scores = embeddings.map((embedding) => score(head, embedding));
  const white = cholesky(precision, width);
  const rows = regress(
    embeddings.map((embedding) => times(featuresOf(head, embedding).subarray(0, width), white)),
    scores.map((row) => row.subarray(0, words.length)),
    scores.map((row) => logSumExp(row.subarray(words.length))),
    chosen.map((index) => examples.labels[index]),
    chosen.map((index) => examples.weights[index]),
    GENERATIVE_REGULARIZATION,
  );
  rows.forEach((row, word) => {
    head.bias[word] += row[width];
    for (let feature = 0; feature < width; feature++) {
      const added = dot(row.subarray(0, width), white, feature * width);
      head.weight[word * (width + 1) + feature] += added;
    }
  });
  return head;
}

/**
 * The rows of words, and a last one of any other word, as their distributions are.
 * @param {Float64Array[]} embeddings
 * @param {number[]} groups the word of each, at least one; -1 for those that are left out
 * @param {Float64Array[]} speech of words of all kinds
 * @param {number} [first] the embeddings' values before it are left out
 * @returns {{ head: Head, precision: Float64Array }} the rows, without labels, and the precision of a word's recordings
 */
export function generative(embeddings, groups, speech, first = 0) {
  const { measure, offset, precision } = measureOf(embeddings, groups, speech, first);
  const values = embeddings.map((embedding) => centred(measure, embedding));
  const means = [...new Array(Math.max(...groups) + 1).keys()].map((group) =>
    meanOf(values.filter((_, place) => groups[place] === group)),
  );
  const turned = means.map((mean) => times(mean, precision));
  const weight = [...turned.flatMap((row) => [...row, 0]), ...new Float64Array(means[0].length), 1];
  const bias = [...means.map((mean, group) => -dot(mean, turned[group], 0) / 2), -offset];
  const head = {
    labels: [],
    weight: Float64Array.from(weight, (value) => value * SHARPNESS),
    bias: Float64Array.from(bias, (value) => value * SHARPNESS),
    measure,
  };
  return { head, precision };
}

/**
 * What is to be added to new words' scores.
 * @param {Float64Array[]} features
 * @param {Float64Array[]} start the scores so far
 * @param {number[]} rival the score of all that is no new word
 * @param {number[]} labels
 * @param {number[]} weights
 * @param {number} regularization
 * @returns {Float64Array[]} a row for each word, with its bias at the end: the other way round than in Python
 */
function regress(features, start, rival, labels, weights, regularization) {
  const inputs = features.map((row) => Float64Array.from([...row, 1]));
  const width = inputs[0].length;
  const words = start[0].length;
  const penalty = new Float64Array(width).fill(regularization);
  penalty[width - 1] = regularization / 1000;
  const curvature = outerProducts(inputs, width, (row) => weights[row] / 2);
  penalty.forEach((value, column) => (curvature[column * width + column] += value));
  const lower = cholesky(curvature, width);
  let rows = new Float64Array(words * width);
  let ahead = rows;
  let momentum = 1;
  for (let step = 0; step < STEPS; step++) {
    const slope = new Float64Array(words * width);
    inputs.forEach((input, row) => {
      const scores = new Float64Array(words + 1);
      for (let word = 0; word < words; word++) scores[word] = start[row][word] + dot(input, ahead, word * width);
      scores[words] = rival[row];
      const given = softmax(scores);
      for (let word = 0; word < words; word++) {
        const wrong = weights[row] * (Number(labels[row] === word) - given[word]);
        for (let column = 0; column < width; column++) slope[word * width + column] += wrong * input[column];
      }
    });
    const moved = new Float64Array(words * width);
    const following = (1 + Math.sqrt(1 + 4 * momentum * momentum)) / 2;
    const next = new Float64Array(words * width);
    for (let word = 0; word < words; word++) {
      const at = word * width;
      const wanted = new Float64Array(width);
      for (let column = 0; column < width; column++) {
        wanted[column] = slope[at + column] - penalty[column] * ahead[at + column];
      }
      solve(lower, width, wanted);
      for (let column = 0; column < width; column++) {
        moved[at + column] = ahead[at + column] + wanted[column];
        next[at + column] = moved[at + column] + ((momentum - 1) / following) * (moved[at + column] - rows[at + column]);
      }
    }
    rows = moved;
    ahead = next;
    momentum = following;
  }
  return [...new Array(words).keys()].map((word) => rowOf(rows, word, words));
}

/**
 * Score each example by rows that were learnt without its fold.
 * @param {Examples} examples @param {(chosen: number[]) => Head} learn
 * @returns {Float64Array[]} none for examples that are never kept apart
 */
export function crossValidate({ embeddings, folds }, learn) {
  /** @type {Float64Array[]} */
  const result = new Array(folds.length).fill(new Float64Array());
  for (let fold = 0; fold <= Math.max(...folds); fold++) {
    const head = learn([...folds.keys()].filter((index) => folds[index] !== fold));
    folds.forEach((own, index) => {
      if (own === fold) result[index] = score(head, embeddings[index]);
    });
  }
  return result;
}

/** By how much the new words' scores may fall until the surest is given a half. @param {Float64Array} scores @param {Float64Array} others */
export function lead(scores, others) {
  const highest = Math.max(...scores);
  const among = scores.reduce((sum, score) => sum + Math.exp(score - highest), 0);
  return highest - logSumExp(others) + Math.log(Math.max(2 - among, 1e-12));
}

/** The probability of the surest new word. @param {Float64Array} scores @param {Float64Array} others */
export function surest(scores, others) {
  return Math.exp(Math.max(...scores) - logSumExp(Float64Array.from([...scores, ...others])));
}

/** The lowest threshold that no larger share of strangers' values reaches. @param {number[]} values @param {number} rate */
export function thresholdFor(values, rate) {
  const ordered = values.toSorted((first, second) => second - first);
  const passing = Math.min(Math.max(1, Math.floor(rate * ordered.length + 1e-9)), ordered.length - 1);
  return (ordered[passing - 1] + ordered[passing]) / 2;
}

/** @param {Float64Array} scores */
export function softmax(scores) {
  const highest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - highest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** @param {Float64Array} scores */
export function logSumExp(scores) {
  const highest = Math.max(...scores);
  return highest + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - highest), 0));
}

/** Mean and standard deviation of each feature. @param {Float64Array[]} rows */
function standard(rows) {
  const mean = meanOf(rows);
  const scale = new Float64Array(mean.length);
  for (const row of rows) row.forEach((value, column) => (scale[column] += (value - mean[column]) ** 2 / rows.length));
  return { mean, scale: scale.map((value) => Math.sqrt(value) + 1e-6) };
}
