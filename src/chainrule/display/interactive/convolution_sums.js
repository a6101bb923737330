/**
 * Which products make up one number of a convolution, by its index equations, in three dimensions:
 *
 *     y[b,o,j]  = bias[o] + sum_{c,i} w[o,c,i] x[b,c,s j + d i - before]
 *     dx[b,c,h] = sum_{o,i,j: s j + d i - before = h} w[o,c,i] dy[b,o,j]
 *     dw[o,c,i] = sum_{b,j} dy[b,o,j] x[b,c,s j + d i - before]
 *
 * A call holds x (B, C, ...), w (O, C / groups, ...), dy (B, O, ...) and bias (O) or null, stride, dilation and before,
 * groups, and flip: whether the kernel lies on x reversed. Fewer dimensions are planes of three.
 */

import { difference, indexOf, offsetOf, sizeOf } from "./numbers.js";

/** Of each result: the arrays of its two factors, the array whose shape it has, and the visit of its products. */
const SUMS = {
  y: { of: ["w", "x"], like: "dy", visit: visitOutput },
  dx: { of: ["w", "dy"], like: "x", visit: visitInputGradient },
  dw: { of: ["dy", "x"], like: "w", visit: visitKernelGradient },
};

/** The names of the arrays that the left and the right factors of a result stand in. */
export function factorsOf(name) {
  return SUMS[name].of;
}

/** One number as a sum: its start, which is the bias of an output, and its products with their running sum. */
export function sumOf(call, name, index) {
  const [left, right] = SUMS[name].of.map((factor) => call[factor].values);
  const start = startOf(call, name, index);
  const terms = [];
  let running = start;
  SUMS[name].visit(call, index, (a, b) => {
    const second = b < 0 ? 0 : right[b];
    const product = left[a] * second;
    running += product;
    terms.push({ at: [a, b], factors: [left[a], second], product, running });
  });
  return { start, terms, value: running };
}

/** All numbers of a result. */
export function computed(call, name) {
  const [left, right] = SUMS[name].of.map((factor) => call[factor].values);
  const { shape } = call[SUMS[name].like];
  return Float64Array.from({ length: sizeOf(shape) }, (_, offset) => {
    const index = indexOf(shape, offset);
    let sum = startOf(call, name, index);
    SUMS[name].visit(call, index, (a, b) => {
      sum += b < 0 ? 0 : left[a] * right[b];
    });
    return sum;
  });
}

/** How far what these sums come to is from what Python found, relative to the largest number of each array. */
export function checked(call, results) {
  return Math.max(...Object.keys(SUMS).map((name) => difference(computed(call, name), results[name].values)));
}

function startOf(call, name, [, channel]) {
  return name === "y" && call.bias ? call.bias.values[channel] : 0;
}

function visitOutput(call, [b, o, ...j], visit) {
  const { x, w } = call;
  const first = Math.floor(o / outsAGroup(call)) * w.shape[1];
  for (let c = 0; c < w.shape[1]; c++) {
    for (const i of places(w.shape)) {
      visit(offsetOf(w.shape, [o, c, ...own(call, i)]), offsetOf(x.shape, [b, first + c, ...read(call, j, i)]));
    }
  }
}

function visitInputGradient(call, [b, c, ...h], visit) {
  const { w, dy, stride, dilation, before } = call;
  const first = Math.floor(c / w.shape[1]) * outsAGroup(call);
  for (let o = first; o < first + outsAGroup(call); o++) {
    for (const i of places(w.shape)) {
      const j = h.map((place, k) => (place + before[k] - dilation[k] * i[k]) / stride[k]);
      const at = j.every(Number.isInteger) ? offsetOf(dy.shape, [b, o, ...j]) : -1;
      if (at >= 0) {
        visit(offsetOf(w.shape, [o, c % w.shape[1], ...own(call, i)]), at);
      }
    }
  }
}

function visitKernelGradient(call, [o, c, ...tap], visit) {
  const { x, w, dy } = call;
  const channel = Math.floor(o / outsAGroup(call)) * w.shape[1] + c;
  const i = own(call, tap);
  for (let b = 0; b < dy.shape[0]; b++) {
    for (const j of places(dy.shape)) {
      visit(offsetOf(dy.shape, [b, o, ...j]), offsetOf(x.shape, [b, channel, ...read(call, j, i)]));
    }
  }
}

function outsAGroup(call) {
  return call.w.shape[0] / call.groups;
}

/** Where x is read: stride j + dilation i - before. */
function read({ stride, dilation, before }, j, i) {
  return j.map((place, k) => stride[k] * place + dilation[k] * i[k] - before[k]);
}

/** The entry of the kernel that lies at tap i of x, and the reverse: flipping is its own inverse. */
function own(call, i) {
  return call.flip ? i.map((tap, k) => call.w.shape[k + 2] - 1 - tap) : i;
}

/** The places of an array's last three dimensions, in order. */
function* places([, , depth, height, width]) {
  for (let a = 0; a < depth; a++) {
    for (let b = 0; b < height; b++) {
      for (let c = 0; c < width; c++) {
        yield [a, b, c];
      }
    }
  }
}
