/**
 * Lines over the steps of training. The pointer, or a slider outside, stands at a step; dragging chooses a range.
 *
 * It is drawn in the pixels that it has, so that its words are as large as those of the page, and anew when that
 * changes. Colours and dashes are the style sheet's, by the kind of a line.
 */

import { element } from "../interactive/elements.js";
import { nearest } from "./curve.js";
import { heightsOf } from "./heights.js";
import { followPointer } from "./pointer.js";
import { labelOf, scaleOf, ticksOf } from "./scales.js";

const SVG = "http://www.w3.org/2000/svg";
const ROOM = { left: 54, right: 14, top: 10, bottom: 24 };
const TEXT = 14; // pixels of a line of words
const BEYOND = 7; // pixels from the top, at which a value that is beyond what was looked at has its mark

export class LineChart {
  /** onstep(step) follows the pointer, with null when it leaves; onrange(from, to) a drag, without ends to see all. */
  constructor({ label, height = 220, onstep, onrange }) {
    Object.assign(this, { label, height, onstep, onrange, lines: [], levels: [], step: null });
    this.svg = drawn("svg", { role: "img", "aria-label": label, height });
    this.element = element("div", { class: "plot" }, this.svg);
    followPointer(this.svg, {
      stepAt: (event) => this.stepAt(event),
      onstep,
      onrange,
      onchoose: (ends) => this.choose(ends),
    });
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /**
   * Show lines, {name, kind, x, y, pale, held}, and dashed levels, {name, value}, over a range of steps; only where it
   * is the whole range, levels that lie elsewhere make the picture higher. A y of null is beyond what was looked at.
   */
  set({ lines, levels = [], range, whole = true, logarithmic = false }) {
    Object.assign(this, { lines: lines.filter(({ x }) => x.length > 0), levels, range, whole, logarithmic });
    this.heights = heightsOf(this.lines, levels, { range, whole, logarithmic });
    this.draw();
  }

  /** Stand at a step; at none with null. */
  stand(step) {
    this.step = step;
    this.mark();
  }

  /** Say in words what the picture shows. */
  describe(words) {
    this.svg.setAttribute("aria-label", `${this.label}: ${words}`);
  }

  draw() {
    const width = this.element.clientWidth;
    if (width === 0 || !this.range) {
      return;
    }
    const { low, high } = this.heights;
    const across = scaleOf(...this.range);
    const up = scaleOf(low, high, this.logarithmic);
    const inner = { width: width - ROOM.left - ROOM.right, height: this.height - ROOM.top - ROOM.bottom };
    this.inner = inner;
    this.x = (step) => across(step) * inner.width;
    this.y = (value) => (1 - up(value)) * inner.height;
    const place = { x: ROOM.left, y: ROOM.top, ...inner }; // an svg within cuts off what lies outside of it
    this.marks = drawn("g", {});
    this.chosen = drawn("rect", { class: "chosen", y: 0, height: inner.height, width: 0 });
    const levels = this.named().map((level) => this.level(level));
    const lines = this.lines.map((line) => this.line(line));
    const inside = drawn("svg", place, ...levels, ...lines, this.chosen, this.marks);
    this.svg.setAttribute("width", width);
    this.svg.replaceChildren(...this.axes(low, high), inside);
    this.mark();
  }

  axes(low, high) {
    const { width, height } = this.inner;
    const rows = ticksOf(low, high, 4, this.logarithmic);
    const columns = ticksOf(...this.range, Math.max(2, Math.floor(width / 90)));
    const lines = rows.flatMap((value) => {
      const y = ROOM.top + this.y(value);
      const rule = drawn("line", { class: "rule", x1: ROOM.left, x2: ROOM.left + width, y1: y, y2: y });
      return [rule, text(ROOM.left - 8, y + 4, labelOf(value, rows), "end")];
    });
    const below = columns.map((step) => {
      const anchor = this.x(step) > width - 20 ? "end" : "middle";
      return text(ROOM.left + this.x(step), ROOM.top + height + 18, labelOf(step, columns), anchor);
    });
    return [...lines, ...below];
  }

  /** A line, broken where it is beyond what was looked at; there a mark at the top points further up. */
  line({ kind, x, y }) {
    if (x.length === 1 && y[0] !== null) {
      return drawn("circle", { class: `dot ${kind}`, cx: this.x(x[0]), cy: this.y(y[0]), r: 4 });
    }
    const at = (k) => this.x(x[k]).toFixed(1);
    const parts = y.map((value, k) => {
      const starts = k === 0 || y[k - 1] === null;
      const ends = starts && (y[k + 1] ?? null) === null; // a single value, of which a line would show nothing
      return value === null ? "" : `${starts ? "M" : "L"}${at(k)} ${this.y(value).toFixed(1)}${ends ? "h0" : ""}`;
    });
    const marks = y.flatMap((value, k) => (value === null ? [`M${at(k)} 1l4 ${BEYOND}h-8z`] : []));
    const beyond = marks.length > 0 ? [drawn("path", { class: `beyond ${kind}`, d: marks.join("") })] : [];
    return drawn("g", {}, drawn("path", { class: `line ${kind}`, d: parts.join("") }), ...beyond);
  }

  /** The levels from the top, each with the place of its name: at its line, as far as none is over another one. */
  named() {
    const levels = this.levels.map(({ name, value }) => ({ name, y: this.y(value) })).sort((a, b) => a.y - b.y);
    let least = 0;
    for (const level of levels) {
      level.place = Math.max(level.y < TEXT ? level.y + TEXT : level.y - 4, least);
      least = level.place + TEXT;
    }
    let most = this.inner.height - 2;
    for (const level of [...levels].reverse()) {
      level.place = Math.min(level.place, most);
      most = level.place - TEXT;
    }
    return levels;
  }

  level({ name, y, place }) {
    const rule = drawn("line", { class: "baseline", x1: 0, x2: this.inner.width, y1: y, y2: y });
    return drawn("g", {}, rule, text(this.inner.width - 4, place, name, "end"));
  }

  /** A line up at the step, and a dot on each line where it has its nearest value. */
  mark() {
    if (!this.marks) {
      return;
    }
    const at = this.step === null ? [] : this.lines.filter(({ pale }) => !pale).map((line) => this.dot(line));
    const x = this.step === null ? 0 : this.x(this.step);
    const rule = drawn("line", { class: "cursor", x1: x, x2: x, y1: 0, y2: this.inner.height });
    this.marks.replaceChildren(...(this.step === null ? [] : [rule, ...at]));
  }

  dot({ kind, x, y }) {
    const k = nearest(x, this.step);
    const cy = y[k] === null ? BEYOND : this.y(y[k]);
    return drawn("circle", { class: `dot ${kind}`, cx: this.x(x[k]), cy, r: 4 });
  }

  /** The step under the pointer, or at the nearer end. */
  stepAt({ clientX }) {
    const left = this.svg.getBoundingClientRect().left + ROOM.left;
    const share = Math.min(1, Math.max(0, (clientX - left) / this.inner.width));
    return this.range[0] + share * (this.range[1] - this.range[0]);
  }

  /** Show the range that a drag would choose. */
  choose(ends) {
    const [from, to] = (ends ?? [0, 0]).map((step) => (ends ? this.x(step) : 0));
    this.chosen.setAttribute("x", Math.min(from, to));
    this.chosen.setAttribute("width", Math.abs(to - from));
  }
}

function text(x, y, words, anchor) {
  return drawn("text", { x, y, "text-anchor": anchor }, words);
}

function drawn(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}
