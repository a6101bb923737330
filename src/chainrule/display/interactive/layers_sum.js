/** The sum that is one output of a layer: over all input channels, printed so that what is shown adds up. */

import { factorsOf, sumOf } from "./convolution_sums.js";
import { arrayOf, indexOf, sizeOf } from "./numbers.js";
import { Printed } from "./printed.js";

const SHOWN = 64; // channels with products of their own

/** Python's operands of a layer, ready for its sums. */
export function callOf(sum, notation) {
  const [x, w] = [sum.x, sum.w].map(arrayOf);
  return { ...sum, notation, x, w, bias: sum.bias && arrayOf(sum.bias), flip: false };
}

/**
 * One output of a layer as a sum: its channels, {channel, labels, w, x, products, sum}, the bias and the rounding in
 * last digits, and how far the sum is from the value that Python has, relative to the sum of all magnitudes.
 */
export function channelsOf(call, index, value) {
  const [o, ...positions] = index;
  const place = [...Array(3 - positions.length).fill(0), ...positions];
  const { start, terms, value: found } = sumOf(call, "y", [0, o, ...place]);
  const sizes = terms.map(({ product }) => Math.abs(product));
  const printed = new Printed(Math.max(...sizes, Math.abs(start), Math.abs(value)));
  const taps = sizeOf(call.w.shape.slice(2));
  const first = Math.floor(o / (call.w.shape[0] / call.groups)) * call.w.shape[1];
  const every = Array.from({ length: call.w.shape[1] }, (_, c) => {
    return channelOf(call, terms.slice(c * taps, (c + 1) * taps), call.notation.number(first + c), printed);
  });
  const channels = largestOf(every);
  const others = every.filter((each) => !channels.includes(each));
  const rest = { count: others.length, sum: printed.digits(total(others.map(({ exact }) => exact))) };
  const whole = printed.digits(value);
  const bias = printed.digits(start);
  const rounding = whole - bias - total(channels.map(({ sum }) => sum)) - rest.sum;
  const error = Math.abs(found - value) / (total([...sizes, Math.abs(start)]) || 1);
  return { printed, channels, rest, bias, whole, rounding, error };
}

function channelOf(call, terms, channel, printed) {
  const products = terms.map(({ product }) => printed.digits(product));
  return {
    channel,
    labels: terms.map(({ at }) => at.map((offset, side) => labelOf(call, factorsOf("y")[side], offset)).join(" · ")),
    w: terms.map(({ factors }) => factors[0]),
    x: terms.map(({ factors }) => factors[1]),
    products,
    sum: total(products),
    exact: total(terms.map(({ product }) => product)),
  };
}

function total(numbers) {
  return numbers.reduce((sum, number) => sum + number, 0);
}

/** Of many channels those whose products add up to most, in their order. */
function largestOf(channels) {
  const sorted = [...channels].sort((a, b) => Math.abs(b.exact) - Math.abs(a.exact)).slice(0, SHOWN);
  return channels.filter((each) => sorted.includes(each));
}

/** An entry as Python writes it: w[3,1,0,2], x[1,4,5]. */
function labelOf(call, name, offset) {
  if (offset < 0) {
    return "padding";
  }
  const { shape } = call[name];
  const own = (index) => [...index.slice(name === "x" ? 1 : 0, 2), ...index.slice(5 - call.dimensions)];
  return call.notation.entry(name, own(indexOf(shape, offset)), own(shape));
}
