/**
 * An array of any size as a picture: a pixel for each number, enlarged. One cell of it is an element, which stands
 * where the reader is and has the focus; arrows, Home, End, PageUp and PageDown move it, as in the ARIA grid pattern.
 */

import { tones } from "./colours.js";
import { element } from "./elements.js";

const PAGE = 10; // rows that PageUp and PageDown move

export class Heatmap {
  /** name(row, column) names a cell; on.choose(row, column) follows each move, on.preview the pointer, or null. */
  constructor({ label, name, on }) {
    Object.assign(this, { name, on, row: 0, column: 0 });
    this.canvas = element("canvas", { "aria-hidden": "true" });
    this.veil = element("div", { class: "veil" });
    this.line = element("div", { role: "row" });
    const parts = [this.canvas, this.veil, this.line];
    this.element = element("div", { role: "grid", "aria-label": label, class: "heatmap" }, ...parts);
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("click", (event) => this.point(event, (row, column) => this.choose(row, column)));
    this.element.addEventListener("pointermove", (event) => this.point(event, on.preview));
    this.element.addEventListener("pointerleave", () => on.preview(null));
    new ResizeObserver(() => this.paint()).observe(this.element);
    this.element.addEventListener("recolour", () => this.paint());
  }

  /** Show values, in the order of rows, by the colours of a scale (colours.js); NaN is blank. */
  set({ rows, columns, values, scale }) {
    Object.assign(this, { rows, columns, values, scale, dimmed: () => false });
    this.canvas.width = columns;
    this.canvas.height = rows;
    this.element.style.setProperty("--rows", rows);
    this.element.style.setProperty("--columns", columns);
    this.element.setAttribute("aria-rowcount", rows);
    this.element.setAttribute("aria-colcount", columns);
    this.stand(Math.min(this.row, rows - 1), Math.min(this.column, columns - 1));
    this.paint();
  }

  /** Show the cells paler for which dimmed(row, column) holds. */
  dim(dimmed) {
    this.dimmed = dimmed;
    this.paint();
  }

  /** Cover the columns before start and from end on. */
  cover(start, end) {
    const left = `${(100 * start) / this.columns}%`;
    const right = `${(100 * (this.columns - end)) / this.columns}%`;
    this.veil.style.setProperty("--left", left);
    this.veil.style.setProperty("--right", right);
  }

  /** Stand at a cell; with the focus, if the reader moved there. */
  stand(row, column, focus = false) {
    Object.assign(this, { row, column });
    const cell = element("div", { role: "gridcell", tabindex: 0, "aria-label": this.name(row, column) });
    cell.setAttribute("aria-colindex", column + 1);
    this.line.setAttribute("aria-rowindex", row + 1);
    this.line.replaceChildren(cell);
    this.element.style.setProperty("--row", row);
    this.element.style.setProperty("--column", column);
    if (focus) {
      cell.focus();
    }
  }

  paint() {
    if (!this.values || !this.element.isConnected) {
      return;
    }
    const used = tones(this.element);
    const drawing = this.canvas.getContext("2d");
    const image = drawing.createImageData(this.columns, this.rows);
    this.values.forEach((value, k) => {
      const pale = this.dimmed(Math.floor(k / this.columns), k % this.columns);
      const opacity = Number.isNaN(value) ? 0 : 255;
      image.data.set([...this.scale.colour(value, used), pale ? opacity / 5 : opacity], 4 * k);
    });
    drawing.putImageData(image, 0, 0);
  }

  point(event, act) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const row = Math.floor(((event.clientY - top) / height) * this.rows);
    const column = Math.floor(((event.clientX - left) / width) * this.columns);
    if (row >= 0 && row < this.rows && column >= 0 && column < this.columns) {
      act(row, column);
    }
  }

  key(event) {
    const last = { row: this.rows - 1, column: this.columns - 1 };
    const whole = event.ctrlKey;
    const moves = {
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      PageUp: [-PAGE, 0],
      PageDown: [PAGE, 0],
      Home: [whole ? -last.row : 0, -last.column],
      End: [whole ? last.row : 0, last.column],
    };
    if (event.key in moves) {
      event.preventDefault();
      const [down, right] = moves[event.key];
      this.choose(within(this.row + down, last.row), within(this.column + right, last.column));
    }
  }

  choose(row, column) {
    this.stand(row, column, true);
    this.on.choose(row, column);
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  document.querySelectorAll(".heatmap").forEach((drawn) => drawn.dispatchEvent(new Event("recolour")));
});

function within(place, last) {
  return Math.min(Math.max(place, 0), last);
}
