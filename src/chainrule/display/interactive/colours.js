/** Colours of numbers: shares of a tone, from -1 to 1, or of a norm's decades; the page's style sheet has the tones. */

import { written } from "./numbers.js";

const DECADES = 8; // that a scale of norms shows below the largest
const STRONGEST = 0.85; // share of a tone, so that text on it can be read

/** The tones of the colour scheme, as [red, green, blue]. */
export function tones(place) {
  const style = getComputedStyle(place);
  const named = (name) => {
    const [, r, g, b] = /^#(..)(..)(..)$/.exec(style.getPropertyValue(`--${name}`).trim());
    return [r, g, b].map((digits) => parseInt(digits, 16));
  };
  return { paper: named("paper"), warm: named("warm"), cool: named("cool"), none: named("none") };
}

/** Signed values: warm above zero, cool below, paper at zero. */
export function signed(most) {
  return {
    most,
    words: `to ±${written(most, 3)}`,
    colour: (value, { paper, warm, cool }) => mixed(paper, value < 0 ? cool : warm, Math.abs(value) / most),
  };
}

/** Norms on a logarithmic scale: paper at its floor, warm at the top; an exact zero has a colour of its own. */
export function decades(most) {
  const share = (value) => Math.max(0, 1 + Math.log10(value / most) / DECADES);
  return {
    words: `${DECADES} decades below ${written(most, 3)}, exact zero grey`,
    colour: (value, { paper, warm, none }) => (value === 0 ? none : mixed(paper, warm, share(value))),
  };
}

function mixed(paper, tone, share) {
  const part = STRONGEST * Math.min(share, 1);
  return paper.map((level, k) => level + part * (tone[k] - level));
}
