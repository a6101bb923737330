/** Lines over a logarithmic axis, with a marker at one place of it. */

import { fitted } from "./fitting.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, BOTTOM] = [420, 170, 44, 24];
const ROOM = 3.4; // in em, of a number beside the axis
const TICKS = 4;

export class Chart {
  /** A picture with this label; the page has a table behind it. */
  constructor(label) {
    const about = { role: "img", "aria-label": label, class: "chart" };
    this.element = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, ...about });
  }

  /** Draw lines, {name, values}, over places in rising order. */
  set(places, lines) {
    const top = Math.max(1, ...lines.flatMap(({ values }) => [...values]));
    const first = Math.log2(places[0]);
    const range = Math.log2(places.at(-1)) - first || 1;
    this.x = (place) => LEFT + ((Math.log2(place) - first) / range) * (WIDTH - LEFT - 10);
    const y = (value) => HEIGHT - BOTTOM - (Math.max(value, 0) / top) * (HEIGHT - BOTTOM - 12);
    const parts = Array.from({ length: TICKS + 1 }, (_, k) => level(y((k * top) / TICKS), (k * top) / TICKS));
    for (let power = 1; power <= places.at(-1); power *= 2) {
      parts.push(text(this.x(Math.max(power, places[0])), HEIGHT - 6, String(power), "middle"));
    }
    lines.forEach(({ values }, k) => {
      const points = places.map((place, n) => `${this.x(place)},${y(values[n])}`).join(" ");
      parts.push(drawn("polyline", { points, class: `line-${k}` }));
    });
    this.marker = drawn("line", { y1: 6, y2: HEIGHT - BOTTOM, class: "marker" });
    this.element.replaceChildren(...parts, this.marker);
  }

  /** Mark a place. */
  mark(place) {
    this.marker.setAttribute("x1", this.x(place));
    this.marker.setAttribute("x2", this.x(place));
  }
}

function level(y, value) {
  const group = drawn("g", {});
  group.append(drawn("line", { x1: LEFT, x2: WIDTH, y1: y, y2: y, class: "level" }));
  group.append(text(LEFT - 5, y + 4, fitted(value, ROOM).text, "end"));
  return group;
}

function text(x, y, words, anchor) {
  const made = drawn("text", { x, y, "text-anchor": anchor });
  made.textContent = words;
  return made;
}

function drawn(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    made.setAttribute(name, value);
  }
  return made;
}
