/**
 * A few embeddings become the rows of a head: the same as `teaching/head.py`, step by step; tests hold both to the
 * same numbers. A matrix is a Float64Array, row by row, with its number of columns beside it.
 */

const STEPS = 30;
const REGULARIZATION = 1.5;
export const FOLDS = 5;

/** What is learnt from, see `Examples` in `head.py`.
 * @typedef {{ embeddings: Float64Array, features: number, labels: number[], weights: number[], folds: number[] }} Examples */
/** @typedef {{ weight: Float64Array, bias: Float64Array }} Rows  weight `(words, features)` */

/**
 * Learn the rows of new words.
 * @param {Examples} examples
 * @param {number} words how many new words there are
 * @param {Float64Array} others `(N, L)`, the scores that the rows that stay give the examples
 * @param {number} withoutFold leaves out the examples of that fold
 * @returns {Rows}
 */
export function learn(examples, words, others, withoutFold = -2) {
  const { mean, scale } = standard(examples);
  const { embeddings, features, labels } = examples;
  const chosen = [...labels.keys()].filter((index) => examples.folds[index] !== withoutFold);
  const width = features + 1;
  const inputs = new Float64Array(chosen.length * width);
  chosen.forEach((index, row) => {
    for (let column = 0; column < features; column++) {
      inputs[row * width + column] = (embeddings[index * features + column] - mean[column]) / scale[column];
    }
    inputs[row * width + features] = 1;
  });
  const weights = chosen.map((index) => examples.weights[index]);
  const rival = chosen.map((index) => logSumExp(rowOf(others, index, labels.length)));
  const penalty = new Float64Array(width).fill(REGULARIZATION);
  penalty[features] = REGULARIZATION / 1000;
  const lower = cholesky(curvature(inputs, width, weights, penalty), width);
  let rows = new Float64Array(words * width); // a row for each word: the other way round than in Python
  let ahead = rows;
  let momentum = 1;
  for (let step = 0; step < STEPS; step++) {
    const slope = new Float64Array(words * width);
    chosen.forEach((index, row) => {
      const input = inputs.subarray(row * width, (row + 1) * width);
      const scores = new Float64Array(words + 1);
      for (let word = 0; word < words; word++) scores[word] = dot(input, ahead, word * width);
      scores[words] = rival[row];
      const given = softmax(scores);
      for (let word = 0; word < words; word++) {
        const wrong = weights[row] * (Number(labels[index] === word) - given[word]);
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
  const weight = new Float64Array(words * features);
  const bias = new Float64Array(words);
  for (let word = 0; word < words; word++) {
    bias[word] = rows[word * width + features];
    for (let column = 0; column < features; column++) {
      weight[word * features + column] = rows[word * width + column] / scale[column];
      bias[word] -= weight[word * features + column] * mean[column];
    }
  }
  return { weight, bias };
}

/**
 * Score each example by rows that were learnt without its fold.
 * @param {Examples} examples @param {number} words @param {Float64Array} others
 * @returns {Float64Array} `(N, words)`
 */
export function crossValidate(examples, words, others) {
  const count = examples.labels.length;
  const result = new Float64Array(count * words);
  for (let fold = 0; fold <= Math.max(...examples.folds); fold++) {
    const rows = learn(examples, words, others, fold);
    for (let index = 0; index < count; index++) {
      if (examples.folds[index] !== fold) continue;
      const embedding = rowOf(examples.embeddings, index, count);
      for (let word = 0; word < words; word++) {
        result[index * words + word] = dot(embedding, rows.weight, word * examples.features) + rows.bias[word];
      }
    }
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

/** One of the rows of a matrix. @param {Float64Array} matrix @param {number} index @param {number} count of its rows */
export function rowOf(matrix, index, count) {
  const width = matrix.length / count;
  return matrix.subarray(index * width, (index + 1) * width);
}

/** @param {Float64Array} vector @param {Float64Array} matrix @param {number} start where in it the other vector starts */
export function dot(vector, matrix, start) {
  let sum = 0;
  for (let column = 0; column < vector.length; column++) sum += vector[column] * matrix[start + column];
  return sum;
}

/** Mean and standard deviation of what is no new word. @param {Examples} examples */
function standard({ embeddings, features, labels }) {
  const mean = new Float64Array(features);
  const scale = new Float64Array(features);
  const rest = [...labels.keys()].filter((index) => labels[index] < 0);
  for (let column = 0; column < features; column++) {
    for (const index of rest) mean[column] += embeddings[index * features + column] / rest.length;
    for (const index of rest) scale[column] += (embeddings[index * features + column] - mean[column]) ** 2 / rest.length;
    scale[column] = Math.sqrt(scale[column]) + 1e-6;
  }
  return { mean, scale };
}

/** @param {Float64Array} inputs @param {number} width @param {number[]} weights @param {Float64Array} penalty */
function curvature(inputs, width, weights, penalty) {
  const result = new Float64Array(width * width);
  weights.forEach((weight, row) => {
    const at = row * width;
    for (let first = 0; first < width; first++) {
      const factor = (inputs[at + first] * weight) / 2;
      for (let second = 0; second <= first; second++) result[first * width + second] += factor * inputs[at + second];
    }
  });
  for (let column = 0; column < width; column++) result[column * width + column] += penalty[column];
  return result;
}

/** The lower factor of a symmetric positive matrix, of which the lower half is given. @param {Float64Array} matrix @param {number} width */
function cholesky(matrix, width) {
  const lower = Float64Array.from(matrix);
  for (let row = 0; row < width; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = lower[row * width + column];
      for (let inner = 0; inner < column; inner++) sum -= lower[row * width + inner] * lower[column * width + inner];
      lower[row * width + column] = row === column ? Math.sqrt(sum) : sum / lower[column * width + column];
    }
  }
  return lower;
}

/** Solve in place, given the lower factor. @param {Float64Array} lower @param {number} width @param {Float64Array} vector */
function solve(lower, width, vector) {
  for (let row = 0; row < width; row++) {
    for (let inner = 0; inner < row; inner++) vector[row] -= lower[row * width + inner] * vector[inner];
    vector[row] /= lower[row * width + row];
  }
  for (let row = width - 1; row >= 0; row--) {
    for (let inner = row + 1; inner < width; inner++) vector[row] -= lower[inner * width + row] * vector[inner];
    vector[row] /= lower[row * width + row];
  }
}
