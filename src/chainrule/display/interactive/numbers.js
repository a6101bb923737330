/** Numbers and arrays as Python sends and writes them. */

/** An array that Python wrote by exact(): its shape, and its values in the order of rows. */
export function arrayOf({ shape, float64 }) {
  const bytes = Uint8Array.from(atob(float64), (character) => character.charCodeAt(0));
  return { shape, values: new Float64Array(bytes.buffer) };
}

/** Where an index stands in the values of an array of this shape; -1 outside of it. */
export function offsetOf(shape, index) {
  let offset = 0;
  for (let k = 0; k < shape.length; k++) {
    if (index[k] < 0 || index[k] >= shape[k]) {
      return -1;
    }
    offset = offset * shape[k] + index[k];
  }
  return offset;
}

/** The index at an offset. */
export function indexOf(shape, offset) {
  const index = [];
  for (let k = shape.length - 1; k >= 0; k--) {
    index[k] = offset % shape[k];
    offset = Math.floor(offset / shape[k]);
  }
  return index;
}

/** The number of entries of an array of this shape. */
export function sizeOf(shape) {
  return shape.reduce((product, size) => product * size, 1);
}

/** The largest magnitude of finite values; 1 where all are 0. */
export function largest(values) {
  let most = 0;
  for (const value of values) {
    if (Number.isFinite(value)) {
      most = Math.max(most, Math.abs(value));
    }
  }
  return most || 1;
}

/** The largest difference of two arrays, relative to the largest magnitude of the second; what overflows, alike. */
export function difference(found, expected) {
  let most = 0;
  for (let k = 0; k < expected.length; k++) {
    if (!Object.is(found[k], expected[k])) {
      const apart = Math.abs(found[k] - expected[k]);
      most = Math.max(most, Number.isNaN(apart) ? Infinity : apart);
    }
  }
  return most / largest(expected);
}

/** How far two ways of computing the same agree, in words that follow "agree". */
export function closeness(error) {
  return error === 0 ? "to the last bit" : `to ${error.toExponential(0)}`;
}

/** A number as Python's tables write it: four digits, a tiny or huge one with its exponent. */
export function written(value, digits = 4) {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || size === 0) {
    return String(size === 0 ? 0 : value);
  }
  if (size >= 1e-3 && size < 10 ** digits) {
    return String(Number(value.toPrecision(digits)));
  }
  if (size >= 1 && size < 1e15) {
    return value.toLocaleString("en", { maximumFractionDigits: 0 });
  }
  return value.toExponential(digits - 1);
}

/** How many of a thing: "1 step", "12 steps". */
export function counted(count, thing) {
  return `${count.toLocaleString("en")} ${thing}${count === 1 ? "" : "s"}`;
}
