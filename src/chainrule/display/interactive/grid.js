/**
 * An array as a picture that is a grid: a coloured cell for each number, in planes of rows and columns.
 *
 * It follows the ARIA grid pattern: one stop of the tab key; arrows walk from cell to cell and from plane to plane,
 * Home and End along a row, with Ctrl to the ends of the array, PageUp and PageDown from plane to plane.
 */

import { element } from "./elements.js";
import { fitted, shrunk } from "./fitting.js";
import { largest, written } from "./numbers.js";

const NUMBERS = 14; // columns up to which a cell is wide enough for its number
const ROOM = 3.66; // in em, of a number within the frame of its cell
const FACTOR_ROOM = 4.15; // of a factor, which is smaller
const UNMARKED = { classes: [], factor: null };
const NONE = { before: [0, 0], after: [0, 0] }; // padding

export class Grid {
  /**
   * name(at) names a cell, planes are their labels; padding is how many zeros are drawn before and after rows and
   * columns, heads are what stands above the columns, and numbers tells whether cells have theirs written, by default
   * where they are wide enough. on.choose(at) is called when a cell is chosen, on.preview(at) while the pointer is over
   * one, with null when it leaves, on.edit(at) when Enter is pressed.
   */
  constructor({ label, name, planes, rows, columns, padding = NONE, heads = [], numbers, on }) {
    Object.assign(this, { name, rows, columns, heads, on });
    this.cells = [];
    this.marked = new Map();
    this.active = 0;
    const drawn = columns + padding.before[1] + padding.after[1];
    this.hasNumbers = numbers ?? (drawn <= NUMBERS || (rows === 1 && padding.before[0] === 0));
    const made = planes.map((plane) => this.plane(plane, drawn, padding));
    const classes = `grid${this.hasNumbers ? " numbers" : ""}${rows === 1 ? " strips" : ""}`;
    this.element = element("div", { role: "grid", "aria-label": label, class: classes }, ...made);
    this.cells[0].tabIndex = 0;
    this.listen();
  }

  /** Show these values, coloured on a scale from -most to most; text(value) writes one. Returns most. */
  set(values, most = largest(values), text = null) {
    this.cells.forEach((cell, at) => {
      const value = values[at];
      if (this.hasNumbers) {
        write(cell.firstChild, text ? shrunk(text(value), ROOM) : fitted(value, ROOM));
      }
      cell.setAttribute("aria-label", `${this.name(at)}: ${written(value)}`);
      cell.classList.toggle("negative", value < 0);
      cell.style.setProperty("--share", Math.abs(value) / most);
    });
    return most;
  }

  /** Mark cells: an offset and a class each, and a factor to write below the number, or null. */
  mark(marks) {
    const marked = new Map();
    for (const [at, mark, factor] of marks.filter(([at]) => this.cells[at])) {
      const { classes, factor: other } = marked.get(at) ?? UNMARKED;
      marked.set(at, { classes: [...classes, mark], factor: factor ?? other });
    }
    for (const at of new Set([...this.marked.keys(), ...marked.keys()])) {
      this.remark(this.cells[at], this.marked.get(at) ?? UNMARKED, marked.get(at) ?? UNMARKED);
    }
    this.marked = marked;
  }

  /** Change of a cell what has changed: of long sequences most stays, and each change costs time to draw. */
  remark(cell, was, is) {
    if (was.classes.join() !== is.classes.join()) {
      cell.classList.remove(...was.classes);
      cell.classList.add(...is.classes);
    }
    if (!this.hasNumbers || was.factor === is.factor) {
      return;
    }
    if (was.factor === null) {
      cell.append(element("small"));
    }
    if (is.factor === null) {
      cell.lastChild.remove();
    } else {
      write(cell.lastChild, fitted(is.factor, FACTOR_ROOM, "× "));
    }
  }

  /** Make a cell the one that the tab key reaches, and give it the focus if asked. */
  activate(at, focus) {
    this.cells[this.active].tabIndex = -1;
    this.active = at;
    this.cells[at].tabIndex = 0;
    if (focus) {
      this.cells[at].focus();
    }
  }

  plane(label, drawn, { before, after }) {
    const zero = this.hasNumbers ? "0" : "";
    const zeros = (count) => Array.from({ length: count }, () => element("i", { class: "padding" }, zero));
    const blank = () => element("div", { class: "row", "aria-hidden": "true" }, ...zeros(drawn));
    const lines = Array.from({ length: this.rows }, () => {
      const cells = Array.from({ length: this.columns }, () => this.cell());
      return element("div", { role: "row", class: "row" }, ...zeros(before[1]), ...cells, ...zeros(after[1]));
    });
    const above = Array.from({ length: before[0] }, blank);
    const below = Array.from({ length: after[0] }, blank);
    const about = { role: "rowgroup", class: "plane", "aria-label": label, "data-label": label };
    const group = element("div", about, ...this.head(), ...above, ...lines, ...below);
    group.style.setProperty("--columns", drawn);
    return group;
  }

  /** What stands above the columns, where there is something. */
  head() {
    const heads = this.heads.map((text) => element("div", { role: "columnheader", class: "head" }, text));
    return heads.length > 0 ? [element("div", { role: "row", class: "row" }, ...heads)] : [];
  }

  cell() {
    const number = this.hasNumbers ? [element("span")] : [];
    const cell = element("div", { role: "gridcell", tabindex: -1, class: "cell" }, ...number);
    cell.dataset.at = this.cells.length;
    this.cells.push(cell);
    return cell;
  }

  listen() {
    const within = (act) => (event) => {
      const cell = event.target.closest(".cell");
      if (cell) {
        act(Number(cell.dataset.at));
      }
    };
    this.element.addEventListener("click", within((at) => this.choose(at)));
    this.element.addEventListener("dblclick", within((at) => this.on.edit(at)));
    this.element.addEventListener("pointerover", within((at) => this.on.preview(at)));
    this.element.addEventListener("pointerleave", () => this.on.preview(null));
    this.element.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    if (event.key === "Enter" || event.key === "F2") {
      event.preventDefault();
      this.on.edit(this.active);
      return;
    }
    const to = this.towards(event.key, event.ctrlKey);
    if (to !== null) {
      event.preventDefault();
      this.choose(to);
    }
  }

  /** The cell that a key leads to; null for other keys. */
  towards(key, control) {
    const start = this.active - (this.active % this.columns);
    const steps = {
      ArrowLeft: this.active - 1,
      ArrowRight: this.active + 1,
      ArrowUp: this.active - this.columns,
      ArrowDown: this.active + this.columns,
      Home: control ? 0 : start,
      End: control ? this.cells.length - 1 : start + this.columns - 1,
      PageUp: this.active - this.rows * this.columns,
      PageDown: this.active + this.rows * this.columns,
    };
    const to = steps[key] ?? null;
    return to < 0 || to >= this.cells.length ? this.active : to;
  }

  choose(at) {
    this.activate(at, true);
    this.on.choose(at);
  }
}

/** Write a text, smaller by its scale. */
function write(place, { text, scale }) {
  place.textContent = text;
  place.style.setProperty("--scale", scale);
}
