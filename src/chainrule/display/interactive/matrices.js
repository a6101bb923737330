/** Square matrices of size n, one after another in an array, and row vectors. */

/** The row vector times matrix number k. */
export function carried(vector, matrices, k, n) {
  const found = new Float64Array(n);
  for (let row = 0; row < n; row++) {
    const start = (k * n + row) * n;
    for (let column = 0; column < n; column++) {
      found[column] += vector[row] * matrices[start + column];
    }
  }
  return found;
}

/** The matrix times matrix number k. */
export function times(matrix, matrices, k, n) {
  const found = new Float64Array(n * n);
  for (let row = 0; row < n; row++) {
    found.set(carried(matrix.subarray(row * n, row * n + n), matrices, k, n), row * n);
  }
  return found;
}

/** The matrix that changes nothing. */
export function identity(n) {
  return Float64Array.from({ length: n * n }, (_, k) => (k % (n + 1) === 0 ? 1 : 0));
}

/** The length of a vector. */
export function norm(vector) {
  return Math.hypot(...vector);
}
