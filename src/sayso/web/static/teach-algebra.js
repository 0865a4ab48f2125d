/**
 * Matrices: each is a Float64Array, row by row, with its number of columns beside it.
 */

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

/** A vector times a matrix. @param {Float64Array} vector @param {Float64Array} matrix */
export function times(vector, matrix) {
  const width = matrix.length / vector.length;
  const result = new Float64Array(width);
  vector.forEach((value, row) => {
    for (let column = 0; column < width; column++) result[column] += value * matrix[row * width + column];
  });
  return result;
}

/**
 * The lower half of the sum of the outer products of rows with themselves.
 * @param {Iterable<Float64Array>} rows @param {number} width @param {(row: number) => number} weight of each
 */
export function outerProducts(rows, width, weight = () => 1) {
  const result = new Float64Array(width * width);
  let index = 0;
  for (const row of rows) {
    const worth = weight(index++);
    for (let first = 0; first < width; first++) {
      const factor = row[first] * worth;
      for (let second = 0; second <= first; second++) result[first * width + second] += factor * row[second];
    }
  }
  return result;
}

/** The lower factor of a symmetric positive matrix, of which the lower half is given. @param {Float64Array} matrix @param {number} width */
export function cholesky(matrix, width) {
  const lower = new Float64Array(width * width);
  for (let row = 0; row < width; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = matrix[row * width + column];
      for (let inner = 0; inner < column; inner++) sum -= lower[row * width + inner] * lower[column * width + inner];
      lower[row * width + column] = row === column ? Math.sqrt(sum) : sum / lower[column * width + column];
    }
  }
  return lower;
}

/** Solve in place, given the lower factor. @param {Float64Array} lower @param {number} width @param {Float64Array} vector */
export function solve(lower, width, vector) {
  for (let row = 0; row < width; row++) {
    for (let inner = 0; inner < row; inner++) vector[row] -= lower[row * width + inner] * vector[inner];
    vector[row] /= lower[row * width + row];
  }
  for (let row = width - 1; row >= 0; row--) {
    for (let inner = row + 1; inner < width; inner++) vector[row] -= lower[inner * width + row] * vector[inner];
    vector[row] /= lower[row * width + row];
  }
}

/** The inverse, given the lower factor. @param {Float64Array} lower @param {number} width */
export function inverse(lower, width) {
  const result = new Float64Array(width * width);
  for (let row = 0; row < width; row++) {
    result[row * width + row] = 1;
    solve(lower, width, rowOf(result, row, width));
  }
  return result;
}

/** The logarithm of the determinant, given the lower factor. @param {Float64Array} lower @param {number} width */
export function logDeterminant(lower, width) {
  let sum = 0;
  for (let row = 0; row < width; row++) sum += 2 * Math.log(lower[row * width + row]);
  return sum;
}
