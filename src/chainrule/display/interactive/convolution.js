/**
 * A convolution to explore: the kernel slides over x and each sum grows product by product; a cell of x shows what its
 * gradient receives, a cell of the kernel likewise. Every number is Python's, or computed here by sums that were found
 * to agree with all of Python's (the line above the pictures says so).
 */

import { Behind, choice, element } from "./elements.js";
import { Grid } from "./grid.js";
import { CHANGEABLE, ChangeForm } from "./convolution_change.js";
import { ConvolutionModel } from "./convolution_model.js";
import { chosenIn, offeredIn, restore, stateOf } from "./convolution_state.js";
import { SumPanel } from "./convolution_sum.js";
import { written } from "./numbers.js";
import { register } from "./views.js";

/** Titles of the arrays, and the result that is shown as a sum when an entry of them is chosen. */
const ARRAYS = {
  x: { title: "x, input", result: "dx" },
  w: { title: "w, kernel", result: "dw" },
  y: { title: "y, output", result: "y" },
  dx: { title: "dx, gradient of x", result: "dx" },
  dw: { title: "dw, gradient of w", result: "dw" },
  dy: { title: "dy, gradient of y", result: "y" },
};
const CONVENTIONS = [[false, "cross-correlation"], [true, "true convolution"]];
const FORWARD = ["x", "w", "y"];
const BACKWARD = ["dx", "dw", "dy"];
const PARTNER = { dx: "x", dw: "w" }; // the entry that a gradient belongs to

class ConvolutionView {
  constructor(data, address) {
    this.address = address;
    this.model = new ConvolutionModel(data);
    restore(this.model, address);
    this.form = new ChangeForm(this.model, (name, at) => this.changed(name, at));
    this.panel = new SumPanel({ onplace: (at) => this.show(this.chosen.name, at), ongrow: () => this.mark() });
    this.pictures = new Map(Object.keys(ARRAYS).map((name) => [name, this.picture(name)]));
    this.note = element("p", { role: "status", class: "note" });
    const [forward, backward] = [FORWARD, BACKWARD].map((names) => {
      const figures = names.map((name) => this.pictures.get(name).figure);
      return element("div", { class: "pictures" }, ...figures);
    });
    const explored = element("div", { class: "explored" }, forward, this.panel.element, backward);
    this.element = element("div", {}, this.note, this.controls(), explored);
    this.chosen = chosenIn(this.model, address);
    const added = address.number("added", Infinity, null);
    this.form.offer(offeredIn(this.model, address));
    this.refresh();
    if (added !== null && added < this.drawn.terms.length) {
      this.panel.grow(added);
    }
  }

  controls() {
    const convention = choice("Convention", CONVENTIONS, this.model.call.flip, (flip) => {
      this.model.turn(flip);
      this.refresh();
    });
    return element("div", { class: "controls" }, convention, ...this.rowChoice(), this.form.element);
  }

  /** A choice of the row, where there are several. */
  rowChoice() {
    const rows = this.model.array("x").shape[0];
    if (rows === 1) {
      return [];
    }
    const options = Array.from({ length: rows }, (_, row) => {
      return element("option", { value: row, selected: row === this.model.row }, this.model.notation.number(row));
    });
    const onchange = (event) => {
      this.model.row = Number(event.target.value);
      this.refresh();
    };
    return [element("label", {}, "Row ", element("select", { onchange }, ...options))];
  }

  /** The picture of an array: its grid, the scale of its colours, and a table behind it. */
  picture(name) {
    const { model } = this;
    const { title } = ARRAYS[name];
    const { shape } = model.array(name);
    const zeros = (side) => (name === "x" ? model.call[side].slice(1) : [0, 0]);
    const grid = new Grid({
      label: title,
      name: (at) => model.label(name, at),
      planes: model.planes(name),
      rows: shape[3],
      columns: shape[4],
      padding: { before: zeros("before"), after: zeros("after") },
      on: {
        choose: (at) => this.choose(name, at),
        preview: (at) => this.preview(name, at),
        edit: (at) => this.edit(name, at),
      },
    });
    const rows = () => Array.from(model.valuesOf(name), (value, at) => [model.label(name, at), String(value)]);
    const behind = new Behind(title, ["entry", "value"], rows);
    const scale = element("small");
    const scrolled = element("div", { class: "scroll" }, grid.element);
    const caption = element("figcaption", {}, element("b", {}, title), " ", scale);
    const figure = element("figure", { "data-array": name }, caption, scrolled, behind.element);
    return { grid, scale, behind, figure };
  }

  /** Draw all numbers anew: after a change, in the other convention, of another row. */
  refresh() {
    for (const [name, { grid, scale, behind }] of this.pictures) {
      const most = written(grid.set(this.model.valuesOf(name)), 3);
      scale.textContent = `colours to ±${most}`;
      behind.refresh();
    }
    this.note.textContent = this.model.provenance();
    this.form.offer();
    this.show(this.chosen.name, this.chosen.at);
  }

  /** Show a number as its sum, and keep it. */
  show(name, at) {
    this.chosen = { name, at };
    this.pictures.get(name).grid.activate(at, false);
    this.draw(name, at);
  }

  draw(name, at) {
    this.drawn = { ...this.model.sum(name, at), name, at };
    this.panel.set({ ...this.drawn, place: at, places: this.model.countOf(name) });
  }

  choose(name, at) {
    this.panel.play.stop();
    if (CHANGEABLE.includes(name)) {
      this.form.offer({ name, at });
    }
    this.show(ARRAYS[name].result, at);
  }

  /** Draw what a change has made of all numbers, and go back to the entry that was changed. */
  changed(name, at) {
    this.refresh();
    if (name !== null) {
      this.pictures.get(name).grid.activate(at, true);
    }
  }

  edit(name, at) {
    if (CHANGEABLE.includes(name)) {
      this.choose(name, at);
      this.form.focus();
    }
  }

  /** Show the number under the pointer, and when it leaves the one that was chosen, grown as far as it was. */
  preview(name, at) {
    if (this.panel.play.playing) {
      return;
    }
    const { chosen } = this;
    const seen = at === null ? chosen : { name: ARRAYS[name].result, at };
    this.isPreview = true;
    this.draw(seen.name, seen.at);
    if (seen.name === chosen.name && seen.at === chosen.at) {
      this.panel.grow(this.count);
    }
    this.isPreview = false;
  }

  /** Mark where the factors of the sum stand: those that were added, those that will be, and the number itself. */
  mark() {
    const { name, at, of, terms } = this.drawn;
    const marks = new Map([...this.pictures.keys()].map((array) => [array, []]));
    terms.forEach(({ at: offsets, factors }, k) => {
      const mark = k < this.panel.count ? "added" : "read";
      offsets.forEach((offset, side) => {
        const factor = side === 1 ? factors[0] : null;
        marks.get(of[side]).push([offset - this.model.startOf(of[side]), mark, factor]);
      });
    });
    for (const picture of [name, PARTNER[name] ?? name]) {
      marks.get(picture).push([at, "chosen", null]);
    }
    this.pictures.forEach(({ grid }, array) => grid.mark(marks.get(array)));
    if (!this.isPreview) {
      this.count = this.panel.count;
      const added = this.count < terms.length ? this.count : undefined;
      this.address.keep(() => stateOf(this.model, { chosen: this.chosen, offered: this.form.offered, added }));
    }
  }
}

register("convolution", (data, address) => new ConvolutionView(data, address).element);
