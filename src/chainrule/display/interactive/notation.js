/** How entries and steps are written: from 0 in brackets, as in code, or from 1 with lecture symbols: x_3, w_1, d_2. */

const SYMBOLS = { dy: "d" }; // of arrays, in lectures

export class Notation {
  /** first is the number of the first step, 0 or 1. */
  constructor(first = 0) {
    this.first = first;
  }

  /** A step, unit or row as it is written. */
  number(place) {
    return place + this.first;
  }

  /** An entry of an array of this shape: x[0,2], or x_3, without the leading dimensions of size 1. */
  entry(name, index, shape) {
    if (this.first === 0) {
      return `${name}[${index.join(",")}]`;
    }
    const leading = shape.findIndex((size) => size !== 1);
    const numbers = index.slice(leading < 0 ? index.length - 1 : leading).map((place) => place + 1);
    const subscript = numbers.length > 1 ? `{${numbers.join(",")}}` : numbers[0];
    return `${SYMBOLS[name] ?? name}_${subscript}`;
  }

  /** A part of an array, by its first dimensions: x[0], or from 1 x_{2,·}, and x where there is only one. */
  part(name, index, shape) {
    if (this.first === 0) {
      return this.entry(name, index, shape);
    }
    const leading = shape.findIndex((size) => size !== 1);
    const numbers = leading < 0 ? [] : index.slice(leading).map((place) => place + 1);
    const symbol = SYMBOLS[name] ?? name;
    return numbers.length > 0 ? `${symbol}_{${numbers.join(",")},·}` : symbol;
  }
}
