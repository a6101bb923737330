/** A convolution as Python sent it, and as the reader has changed it: its arrays, their entries, and every sum. */

import { checked, computed, factorsOf, sumOf } from "./convolution_sums.js";
import { Notation } from "./notation.js";
import { arrayOf, closeness, indexOf, sizeOf, written } from "./numbers.js";

const RESULTS = ["y", "dx", "dw"];
const LIMIT = 1e-9; // of the difference from Python: as much as the lens allows from autograd

export class ConvolutionModel {
  constructor(data) {
    const { dimensions, batched, stride, dilation, before, after, groups, flip } = data;
    const [x, w, dy] = [data.x, data.w, data.dy].map(arrayOf);
    const bias = data.bias && arrayOf(data.bias);
    Object.assign(this, { dimensions, batched, usual: flip, row: 0, changes: new Map() });
    this.notation = new Notation(data.first);
    this.call = { x, w, dy, bias, stride, dilation, before, after, groups, flip };
    this.python = new Map(data.conventions.map((found) => [found.flip, arraysOf(found)]));
    const errors = [...this.python].map(([flip, results]) => checked({ ...this.call, flip }, results));
    this.error = Math.max(...errors);
    this.results = this.python.get(flip);
  }

  /** Whether the page's own sums come to what Python found, in all numbers of both conventions. */
  get agrees() {
    return this.error <= LIMIT;
  }

  /** Take the other convention, or the same again. */
  turn(flip) {
    this.call.flip = flip;
    this.compute();
  }

  /** Put a number in the place of an entry of x, w or dy that is shown. */
  change(name, at, value) {
    this.put(name, this.startOf(name) + at, value);
  }

  /** Put a number in the place of an entry of x, w or dy. */
  put(name, offset, value) {
    const key = this.written(name, offset);
    const was = this.changes.get(key)?.was ?? this.call[name].values[offset];
    this.call[name].values[offset] = value;
    this.changes.set(key, { name, offset, was, value });
    if (was === value) {
      this.changes.delete(key);
    }
    this.compute();
  }

  /** Put back what Python sent. */
  undo() {
    for (const { name, offset, was } of this.changes.values()) {
      this.call[name].values[offset] = was;
    }
    this.changes.clear();
    this.compute();
  }

  /** Python's results; after a change those of this page. */
  compute() {
    this.results = this.python.get(this.call.flip);
    if (this.changes.size > 0) {
      const arrays = RESULTS.map((name) => [name, { ...this.results[name], values: computed(this.call, name) }]);
      this.results = Object.fromEntries(arrays);
    }
  }

  array(name) {
    return this.call[name] ?? this.results[name];
  }

  /** The values that are shown of an array: where it has rows, those of one. */
  valuesOf(name) {
    const start = this.startOf(name);
    return this.array(name).values.subarray(start, start + this.countOf(name));
  }

  countOf(name) {
    const { shape } = this.array(name);
    return sizeOf(hasRows(name) ? shape.slice(1) : shape);
  }

  startOf(name) {
    return hasRows(name) ? this.row * this.countOf(name) : 0;
  }

  /** How an entry that is shown is written: x[0,2], with the index that it has in Python, or x_3, from 1. */
  label(name, at) {
    return this.written(name, this.startOf(name) + at);
  }

  /** The labels of the planes of an array: of its channels, of the kernel's pairs of channels, and in 3-D of depths. */
  planes(name) {
    const { shape } = this.array(name);
    const area = shape[3] * shape[4];
    const spatial = Math.min(this.dimensions, 2);
    const count = this.countOf(name) / area;
    return Array.from({ length: count }, (_, k) => {
      const index = this.index(name, this.startOf(name) + k * area);
      const count = index.length - spatial;
      return this.notation.part(name, index.slice(0, count), this.own(name, shape).slice(0, count));
    });
  }

  /** A number of y, dx or dw as a sum: its start, its terms with the labels of their factors, and its value. */
  sum(name, at) {
    const sum = sumOf(this.call, name, indexOf(this.array(name).shape, this.startOf(name) + at));
    const of = factorsOf(name);
    const labels = (term) => term.at.map((offset, k) => (offset < 0 ? "padding" : this.written(of[k], offset)));
    return { ...sum, of, labels, label: this.label(name, at) };
  }

  /** What the reader has to know of where the numbers come from. */
  provenance() {
    const error = closeness(this.error);
    if (!this.agrees) {
      return `The sums of this page differ from Python's numbers: they agree only ${error}. Nothing can be changed.`;
    }
    const checks = `Recomputed in this page, y, dx and dw of both conventions agree with Python's ${error}.`;
    if (this.changes.size === 0) {
      return checks;
    }
    const pairs = [...this.changes];
    const changes = pairs.map(([label, { was, value }]) => `${label} from ${written(was)} to ${written(value)}`);
    return `${checks} You changed ${changes.join(", ")}: y, dx and dw are now the page's.`;
  }

  written(name, offset) {
    return this.notation.entry(name, this.index(name, offset), this.own(name, this.array(name).shape));
  }

  /** The index that an entry has in Python. */
  index(name, offset) {
    return this.own(name, indexOf(this.array(name).shape, offset));
  }

  /** An index or shape as it is in Python: without the row, where x has none, and without dimensions added here. */
  own(name, index) {
    const leading = index.slice(this.batched || !hasRows(name) ? 0 : 1, 2);
    return [...leading, ...index.slice(5 - this.dimensions)];
  }
}

function hasRows(name) {
  return name !== "w" && name !== "dw";
}

function arraysOf(found) {
  return Object.fromEntries(RESULTS.map((name) => [name, arrayOf(found[name])]));
}
