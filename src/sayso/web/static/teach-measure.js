/**
 * How much recordings of one word differ, and how much words do: the same as `teaching/measure.py`.
 */

import { cholesky, dot, inverse, logDeterminant, outerProducts, times } from "./teach-algebra.js";

const SHRINKAGE = 0.1;

/** What is computed of an embedding, from the value `first` on, before the rows of a head.
 * @typedef {{ centre: Float64Array, unlike: Float64Array, first: number }} Measure */
/** Rows of a head, on the embedding or on what a measure makes of it: a label, a row of weights and a bias each.
 * @typedef {{ labels: string[], weight: Float64Array, bias: Float64Array, measure: Measure | null }} Head */

/**
 * @param {Float64Array[]} embeddings of words
 * @param {number[]} groups the word of each, counted from 0; -1 for those that are left out
 * @param {Float64Array[]} speech that is remembered, of words of all kinds
 * @param {number} first the embeddings' values before it are left out
 * @returns {{ measure: Measure, offset: number, precision: Float64Array }}
 */
export function measureOf(embeddings, groups, speech, first) {
  const width = embeddings[0].length - first;
  const values = embeddings.map((embedding) => roots(embedding.subarray(first)));
  const count = Math.max(...groups) + 1;
  const apart = [...new Array(count).keys()].flatMap((group) => {
    const own = values.filter((_, index) => groups[index] === group);
    const mean = meanOf(own);
    return own.map((value) => minus(value, mean));
  });
  const others = speech.map((embedding) => roots(embedding.subarray(first)));
  const centre = meanOf(others);
  const within = shrunk(apart, width, Math.max(1, apart.length - count));
  const total = shrunk(
    others.map((value) => minus(value, centre)),
    width,
    Math.max(1, others.length - 1),
  );
  const precision = inverse(within, width);
  const wide = inverse(total, width);
  const offset = (logDeterminant(total, width) - logDeterminant(within, width)) / 2;
  const unlike = precision.map((value, index) => (value - wide[index]) / 2);
  return { measure: { centre, unlike, first }, offset, precision };
}

/** Its roots, without what all have in common. @param {Measure} measure @param {Float64Array} embedding */
export function centred({ centre, first }, embedding) {
  return minus(roots(embedding.subarray(first)), centre);
}

/** What the rows of a head stand on. @param {Head} head @param {Float64Array} embedding */
export function featuresOf({ measure }, embedding) {
  if (measure === null) return embedding;
  const values = centred(measure, embedding);
  return Float64Array.from([...values, dot(values, times(values, measure.unlike), 0)]);
}

/** The rows' scores. @param {Head} head @param {Float64Array} embedding */
export function score(head, embedding) {
  const features = featuresOf(head, embedding);
  return head.bias.map((bias, row) => bias + dot(features, head.weight, row * features.length));
}

/** @param {Float64Array[]} rows */
export function meanOf(rows) {
  const sum = new Float64Array(rows[0].length);
  for (const row of rows) for (let column = 0; column < sum.length; column++) sum[column] += row[column];
  return sum.map((value) => value / rows.length);
}

/** @param {Float64Array} embedding */
function roots(embedding) {
  return embedding.map((value) => Math.sign(value) * Math.sqrt(Math.abs(value)));
}

/** @param {Float64Array} first @param {Float64Array} second */
function minus(first, second) {
  return first.map((value, column) => value - second[column]);
}

/** The lower factor of the covariance of centred rows. @param {Float64Array[]} rows @param {number} width @param {number} freedom */
function shrunk(rows, width, freedom) {
  const covariance = outerProducts(rows, width).map((value) => value / freedom);
  const variance = new Float64Array(width).map((_, column) => covariance[column * width + column]);
  const mean = variance.reduce((sum, value) => sum + value, 0) / width;
  const result = covariance.map((value) => (1 - SHRINKAGE) * value);
  variance.forEach((value, column) => (result[column * width + column] += SHRINKAGE * value + 1e-6 * mean));
  return cholesky(result, width);
}
