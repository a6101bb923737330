/**
 * A classifier layer by layer: its maps, and for a cell of them what it sees of the input and the sum that it is, over
 * all channels. The numbers are Python's; each sum is formed in this page, and compared with the number that it is.
 */

import { element } from "./elements.js";
import { CellPanel } from "./layers_cell.js";
import { callOf } from "./layers_sum.js";
import { Maps } from "./maps.js";
import { Notation } from "./notation.js";
import { arrayOf, indexOf, offsetOf } from "./numbers.js";
import { register } from "./views.js";

class LayersView {
  constructor({ first, name, target, x, layers, start }, address) {
    Object.assign(this, { layers, target, address, usual: start, notation: new Notation(first) });
    const onchoose = (index) => this.read(index);
    this.input = this.picture({ title: `${name}, input`, symbol: "x", array: arrayOf(x), onchoose });
    this.place = element("div", { class: "pictures" });
    this.panel = new CellPanel(this.notation);
    const options = layers.map(({ title }, number) => element("option", { value: number }, title));
    this.select = element("select", { onchange: () => this.set(Number(this.select.value)) }, ...options);
    const controls = element("div", { class: "controls" }, element("label", {}, "Layer ", this.select));
    this.element = element("div", { class: "layers" }, controls, this.place, this.panel.element);
    const number = address.number("layer", layers.length, start);
    this.set(number, address.place("cell", layers[number].y.shape) ?? layers[number].start);
    this.read(address.place("input", x.shape) ?? this.first);
  }

  /** Show a layer, at its largest cell unless said. */
  set(number, cell = this.layers[number].start) {
    const { title, y, dy, sum, fields, at_most: atMost } = this.layers[number];
    this.number = number;
    this.select.value = number;
    this.layer = { y: arrayOf(y), call: sum && callOf(sum, this.notation), fields, atMost };
    const onchoose = (index) => this.choose(index);
    this.maps = this.picture({ title: `Output of ${title}`, symbol: "y", array: this.layer.y, onchoose });
    const gradient = `Gradient of ${this.target}`;
    this.gradient = this.picture({ title: gradient, symbol: "dy", array: arrayOf(dy), onchoose });
    this.place.replaceChildren(...[this.input, this.maps, this.gradient].map((maps) => maps.element));
    this.choose(cell);
  }

  picture(shown) {
    return new Maps({ ...shown, notation: this.notation });
  }

  /** Show what a cell sees, and its sum. */
  choose(index) {
    const { y, call, fields, atMost } = this.layer;
    const positions = index.slice(1);
    const field = fields && fields.map((spans, k) => spans[spans.length === 1 ? 0 : positions[k]]);
    this.cell = index;
    this.maps.stand(index);
    this.gradient.stand(index);
    const isEmpty = field?.some(([first, last]) => last < first) ?? false; // it lies wholly in the padding
    this.input.frame(isEmpty ? null : field);
    this.first = indexOf(this.input.array.shape, 0);
    (isEmpty ? [] : field)?.forEach(([first], k) => {
      this.first[k + 1] = first;
    });
    this.read(this.first);
    const value = y.values[offsetOf(y.shape, index)];
    this.panel.set({ label: this.maps.label(index), index, value, field, atMost, call });
  }

  /** Stand at an entry of the input, by default the first that the cell sees. */
  read(index) {
    this.input.stand(index);
    const layer = this.number === this.usual ? undefined : this.number;
    const changed = (place, usual) => (String(place) === String(usual) ? undefined : place.join(","));
    const cell = changed(this.cell, this.layers[this.number].start);
    this.address.keep(() => ({ layer, cell, input: changed(index, this.first) }));
  }
}

register("layers", (data, address) => new LayersView(data, address).element);
