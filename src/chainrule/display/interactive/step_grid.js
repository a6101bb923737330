/** A few units by steps as a grid of numbers, where a heat map has colours alone: a row a unit, a column a step. */

import { Behind, element } from "./elements.js";
import { Grid } from "./grid.js";

export class StepGrid {
  /** As a Picture (picture.js), with what stands above the columns. */
  constructor({ title, name, onchoose, columns, rows, heads }) {
    Object.assign(this, { title, name, onchoose, heads });
    this.behind = new Behind(title, columns, rows);
    this.scale = element("small");
    this.place = element("div");
    const caption = element("figcaption", {}, element("b", {}, title), " ", this.scale);
    this.element = element("figure", { class: "steps" }, caption, this.place, this.behind.element);
  }

  set({ rows, columns, values, scale }) {
    Object.assign(this, { rows, columns });
    const place = (at) => [Math.floor(at / columns), at % columns];
    const { title, heads } = this;
    const on = { choose: (at) => this.onchoose(...place(at)), preview() {}, edit() {} };
    const name = (at) => this.name(...place(at));
    this.grid = new Grid({ label: title, name, planes: [title], rows, columns, heads, numbers: true, on });
    this.grid.set(values, scale.most);
    this.scale.textContent = `colours ${scale.words}`;
    this.place.replaceChildren(this.grid.element);
    this.behind.refresh();
  }

  /** Stand at a cell; of a row that it has not, in its last one. */
  to(row, column) {
    const { grid, rows, columns } = this;
    grid.activate(Math.min(row, rows - 1) * columns + column, this.place.contains(document.activeElement));
    grid.mark(Array.from({ length: rows }, (_, unit) => [unit * columns + column, "added", null]));
  }

  /** Cover the columns before start and from end on. */
  cover(start, end) {
    this.grid.cells.forEach((cell, at) => {
      const column = at % this.columns;
      cell.classList.toggle("unseen", column < start || column >= end);
    });
  }
}
