/** One look through time as Python sent it: arrays of the steps, the map, the Jacobians, truncation. */

import { carried, identity, norm, times } from "./matrices.js";
import { arrayOf, closeness, difference } from "./numbers.js";

const LIMIT = 1e-9; // of the difference from Python: as much as the lens allows from autograd

export class Look {
  constructor(data) {
    const { name, label, steps, units, targets, verdict } = data;
    Object.assign(this, { name, label, steps, units, targets, verdict });
    this.forward = data.forward.map(({ name: array, values }) => ({ name: array, ...arrayOf(values) }));
    this.backward = data.backward.map(({ name: array, values }) => ({ name: array, ...arrayOf(values) }));
    this.losses = data.losses && arrayOf(data.losses).values;
    this.map = arrayOf(data.map).values;
    this.truncation = data.truncation && truncationOf(data.truncation);
    if (data.path) {
      const { entering, jacobians, norms, radii } = data.path;
      this.width = entering.shape[1];
      [this.entering, this.jacobians, this.norms, this.radii] = [entering, jacobians, norms, radii].map(
        (array) => arrayOf(array).values,
      );
      this.error = this.check();
    }
  }

  /** Whether Python sent the Jacobians, and the page's products of them come to Python's norms. */
  get hasProducts() {
    return this.error <= LIMIT;
  }

  /** What the reader has to know of where the products come from. */
  provenance() {
    if (!this.jacobians) {
      return "The state is too large for a page to hold its Jacobians: it has their norms alone.";
    }
    const verb = this.hasProducts ? "have the norms of Python's map" : "differ from Python's map, and agree only";
    const agreement = `${verb} ${closeness(this.error)}`;
    return `Carried back in this page by Python's Jacobians, the gradients of all pairs ${agreement}.`;
  }

  /** |D_t J_t ... J_{i+1}|, as Python found it, of the row of the map that belongs to t. */
  norm(row, i) {
    return this.map[row * this.steps + i];
  }

  /** J_t ... J_{i+1}, and how far D_t times it is from Python's norm, relative to that. */
  product(row, i) {
    const t = this.targets[row];
    let matrix = identity(this.width);
    for (let j = t; j > i; j--) {
      matrix = times(matrix, this.jacobians, j - 1, this.width);
    }
    const found = norm(carried(this.enters(t), matrix, 0, this.width));
    const expected = this.norm(row, i);
    return { matrix, error: Math.abs(found - expected) / (expected || 1) };
  }

  /** What enters at step t. */
  enters(t) {
    return this.entering.subarray(t * this.width, (t + 1) * this.width);
  }

  /** How far the norms that the page finds are from the map: what enters at each t, carried back step by step. */
  check() {
    const found = Float64Array.from(this.map);
    this.targets.forEach((t, row) => {
      let gradient = this.enters(t);
      for (let i = t; i >= 0; i--) {
        if (!Number.isNaN(this.norm(row, i))) {
          found[row * this.steps + i] = norm(gradient);
        }
        gradient = i > 0 ? carried(gradient, this.jacobians, i - 1, this.width) : gradient;
      }
    });
    return difference(found, this.map);
  }
}

function truncationOf({ chunks, full, lost, cosine, norms }) {
  const [losses, cosines, sizes] = [lost, cosine, norms].map((array) => arrayOf(array).values);
  return { chunks, full, lost: losses, cosine: cosines, norms: sizes };
}
