/** A heat map as a figure: its title, the scale of its colours, the number under the pointer, and a table behind it. */

import { Behind, element } from "./elements.js";
import { Heatmap } from "./heatmap.js";
import { written } from "./numbers.js";

export class Picture {
  /**
   * name(row, column) names an entry; onchoose(row, column) follows each move within it; columns and rows() are those
   * of the table.
   */
  constructor({ title, name, onchoose, columns, rows }) {
    const label = (row, column) => `${name(row, column)}: ${this.text(row, column)}`;
    const preview = (row, column) => {
      this.readout.textContent = row === null ? "" : label(row, column);
    };
    this.map = new Heatmap({ label: title, name: label, on: { choose: onchoose, preview } });
    this.behind = new Behind(title, columns, rows);
    this.scale = element("small");
    this.readout = element("small", { class: "readout" });
    const caption = element("figcaption", {}, element("b", {}, title), " ", this.scale);
    this.element = element("figure", {}, caption, this.map.element, this.readout, this.behind.element);
  }

  set(shown) {
    this.shown = shown;
    this.scale.textContent = `colours ${shown.scale.words}`;
    this.map.set(shown);
    this.behind.refresh();
  }

  /** Stand at a cell; of a row that it has not, in its last one. */
  to(row, column) {
    this.map.stand(Math.min(row, this.map.rows - 1), column, this.map.element.contains(document.activeElement));
  }

  /** Cover the columns before start and from end on. */
  cover(start, end) {
    this.map.cover(start, end);
  }

  text(row, column) {
    const value = this.shown.values[row * this.shown.columns + column];
    return Number.isNaN(value) ? "none" : written(value);
  }
}
