/** Numbers as a cell of a picture has room for them: rounded as little as possible, and smaller if nothing fits. */

import { written } from "./numbers.js";

/** Widths of characters in em, of the widest among the usual fonts of screens. */
const WIDTHS = { ".": 0.32, ",": 0.32, "-": 0.37, " ": 0.32, "×": 0.84, "∞": 0.84 };
const WIDEST = 0.7; // of digits and letters
const DIGIT = 0.64;
const DIGITS = [3, 2, 1];
const SMALLER = 0.9; // share of its size to which a number shrinks before it loses a digit

/** A number after a prefix, no wider than some em: {text, scale}, of which the scale is the share of its size. */
export function fitted(value, room, prefix = "") {
  const texts = textsOf(value).map((text) => prefix + text);
  const text = texts.find((each) => SMALLER * widthOf(each) <= room) ?? texts.at(-1);
  return shrunk(text, room);
}

/** A text as small as it has to be. */
export function shrunk(text, room) {
  return { text, scale: Math.min(1, room / widthOf(text)) };
}

/** The texts that a number can have, from three digits down to one: as it is, or with its power of ten. */
function textsOf(value) {
  if (!Number.isFinite(value)) {
    return [String(value).replace("Infinity", "∞")];
  }
  const texts = DIGITS.flatMap((digits) => [written(value, digits), value.toExponential(digits - 1)]);
  return texts.map((text) => text.replace("+", ""));
}

function widthOf(text) {
  const widths = Array.from(text, (character) => WIDTHS[character] ?? (/\d/.test(character) ? DIGIT : WIDEST));
  return widths.reduce((sum, width) => sum + width, 0);
}
