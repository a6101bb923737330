/** The channels of an image beside one another as one heat map, or of a sequence below one another; frames on them. */

import { signed } from "./colours.js";
import { element } from "./elements.js";
import { indexOf, largest, offsetOf } from "./numbers.js";
import { Picture } from "./picture.js";

export class Maps {
  /** An array {shape, values}, (channels, ...), called a symbol such as y; onchoose(index) follows each move. */
  constructor({ title, symbol, array, notation, onchoose = () => {} }) {
    Object.assign(this, { symbol, array, notation, onchoose });
    const [channels, height = 1, width] = array.shape;
    this.isImage = width !== undefined;
    const across = Math.ceil(Math.sqrt((channels * height) / width));
    this.tile = this.isImage ? { height, width } : { height: channels, width: height };
    this.across = this.isImage ? Math.min(channels, across) : 1;
    this.down = this.isImage ? Math.ceil(channels / this.across) : 1;
    this.picture = new Picture({
      title,
      name: (row, column) => this.label(this.indexAt(row, column)),
      onchoose: (row, column) => this.go(row, column),
      columns: ["entry", "value"],
      rows: () => Array.from(array.values, (value, at) => [this.label(indexOf(array.shape, at)), String(value)]),
    });
    const tiles = element("div", { class: "tiles" });
    tiles.style.setProperty("--across", this.across);
    tiles.style.setProperty("--down", this.down);
    this.frames = element("div", { class: "frames" });
    this.picture.map.element.append(tiles, this.frames);
    this.element = this.picture.element;
    this.element.classList.add("maps");
    this.draw();
  }

  /** Stand at an entry. */
  stand(index) {
    const [row, column] = this.placeOf(index);
    const { map } = this.picture;
    map.stand(row, column, map.element.contains(document.activeElement));
  }

  /** Frame these positions, from the first to the last in every dimension, in all channels; nothing with null. */
  frame(spans) {
    const { height, width } = this.tile;
    const tiles = spans === null ? [] : Array.from({ length: this.across * this.down }, (_, k) => k);
    const frames = tiles.map((k) => {
      const [rows, columns] = this.isImage ? spans : [[0, height - 1], spans[0] ?? [0, width - 1]];
      const made = element("i", {});
      const top = Math.floor(k / this.across) * height + rows[0];
      const left = (k % this.across) * width + columns[0];
      const sides = { top, left, height: rows[1] - rows[0] + 1, width: columns[1] - columns[0] + 1 };
      Object.entries(sides).forEach(([name, value]) => made.style.setProperty(`--${name}`, value));
      return made;
    });
    this.frames.replaceChildren(...frames.slice(0, this.isImage ? this.array.shape[0] : 1));
  }

  draw() {
    const rows = this.down * this.tile.height;
    const columns = this.across * this.tile.width;
    const values = Float64Array.from({ length: rows * columns }, (_, k) => {
      const at = offsetOf(this.array.shape, this.indexAt(Math.floor(k / columns), k % columns));
      return at < 0 ? NaN : this.array.values[at];
    });
    this.picture.set({ rows, columns, values, scale: signed(largest(values)) });
  }

  /** Follow a move; beyond the last channel there is nothing to stand at. */
  go(row, column) {
    const index = this.indexAt(row, column);
    if (index[0] >= this.array.shape[0]) {
      this.stand(this.index);
      return;
    }
    this.index = index;
    this.onchoose(index);
  }

  indexAt(row, column) {
    if (!this.isImage) {
      return this.array.shape.length === 1 ? [row] : [row, column];
    }
    const { height, width } = this.tile;
    const channel = Math.floor(row / height) * this.across + Math.floor(column / width);
    return [channel, row % height, column % width];
  }

  placeOf(index) {
    this.index = index;
    if (!this.isImage) {
      return [index[0], index[1] ?? 0];
    }
    const [channel, row, column] = index;
    const { height, width } = this.tile;
    return [Math.floor(channel / this.across) * height + row, (channel % this.across) * width + column];
  }

  label(index) {
    return this.notation.entry(this.symbol, index, this.array.shape);
  }
}
