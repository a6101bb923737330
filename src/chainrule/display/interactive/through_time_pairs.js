/** The map of all pairs of steps, and for one of them the product of Jacobians that carries the gradient back. */

import { decades, signed } from "./colours.js";
import { element, headOf, rowOf } from "./elements.js";
import { closeness, counted, largest, written } from "./numbers.js";
import { Picture } from "./picture.js";

const LISTED = 100; // steps on the way in the table: more would take a frame or two to lay out

export class PairsPanel {
  /** looks share the scale of their norms; onmove() follows each move. */
  constructor(looks, { onmove, notation }) {
    Object.assign(this, { onmove, entry: [0, 0] });
    this.number = (place) => notation.number(place);
    const most = Math.max(...looks.map(({ map }) => largest(map)));
    this.scale = decades(most);
    this.map = new Picture({
      title: "Gradient norms between steps",
      name: (row, i) => `from t = ${this.number(this.look.targets[row])} to i = ${this.number(i)}`,
      onchoose: (row, i) => this.go(row, i),
      columns: ["t", "i", "norm"],
      rows: () => this.pairs(),
    });
    this.product = new Picture({
      title: "Product of the Jacobians",
      name: (row, column) => `row ${this.number(row)}, column ${this.number(column)}`,
      onchoose: (...entry) => this.choose(entry),
      columns: ["row", "column", "value"],
      rows: () => this.entries(),
    });
    this.heading = element("h3");
    this.note = element("p", { class: "note" });
    this.table = element("table");
    const status = element("div", { role: "status" }, this.heading, this.note);
    const region = { class: "scroll listed", tabindex: 0, role: "region", "aria-label": "Steps on the way" };
    const chain = element("div", {}, status, this.product.element, element("div", region, this.table));
    const pictures = element("div", { class: "pictures wide" }, this.map.element);
    const heading = element("h2", {}, "From step t back to step i");
    const explored = element("div", { class: "explored" }, pictures, chain);
    this.element = element("section", { "aria-label": "From step t back to step i" }, heading, explored);
  }

  /** Show another look, at the last step and halfway back. */
  set(look) {
    this.look = look;
    const { targets, steps, map } = look;
    const shown = map.map((norm, k) => (k % steps > targets[Math.floor(k / steps)] ? NaN : norm));
    this.map.set({ rows: targets.length, columns: steps, values: shown, scale: this.scale });
    const last = targets.length - 1;
    const half = Math.floor(targets[last] / 2);
    this.usual = [last, half];
    this.entry = this.entry.map((place) => Math.min(place, (look.width ?? 1) - 1));
    this.stand(last, half);
  }

  /** What the address keeps: t and i, and the entry of the product. */
  state() {
    const isUsual = this.usual.every((place, k) => place === this.pair[k]);
    const pair = isUsual ? undefined : `${this.look.targets[this.pair[0]]},${this.pair[1]}`;
    return { pair, entry: this.entry.some(Boolean) ? this.entry.join(",") : undefined };
  }

  restore(address) {
    const { targets, steps, width = 1 } = this.look;
    const [t, i] = address.place("pair", [steps, steps]) ?? [];
    this.entry = address.place("entry", [width, width]) ?? [0, 0];
    this.stand(...(targets.includes(t) ? [targets.indexOf(t), i] : this.usual));
  }

  stand(row, i) {
    this.map.map.stand(row, i);
    this.go(row, i);
  }

  /** Show which pairs are lost if the state is detached every k steps. */
  detach(k) {
    const { targets } = this.look;
    this.map.map.dim((row, i) => Math.floor(targets[row] / k) !== Math.floor(i / k));
  }

  go(row, i) {
    const { look } = this;
    this.pair = [row, i];
    const t = look.targets[row];
    const norm = look.norm(row, i);
    const exists = i <= t && !Number.isNaN(norm);
    const [from, to] = [this.number(t), this.number(i)];
    const way = i < t - 1 ? `J_${from} ⋯ J_${to + 1}` : `J_${from}`;
    const name = i === t ? `|D_${from}|` : `|D_${from} ${way}|`;
    this.heading.textContent = exists ? `${name} = ${written(norm)}` : `Nothing goes from step ${from} to step ${to}`;
    const multiplied = exists && look.hasProducts && i < t;
    this.product.element.toggleAttribute("hidden", !multiplied);
    this.note.textContent = this.words(row, i, exists, multiplied ? this.multiply(row, i) : null);
    const count = exists ? t - i + 1 : 0;
    const passed = Array.from({ length: Math.min(count, LISTED) }, (_, k) => t - k);
    const rows = passed.map((j) => [String(this.number(j)), ...this.factor(j, t), written(look.norm(row, j))]);
    const more = count > LISTED ? [[`and ${counted(count - LISTED, "step")}`, "", "", written(norm)]] : [];
    const body = element("tbody", {}, ...[...rows, ...more].map(rowOf));
    this.table.replaceChildren(headOf(["step", "|J|", "ρ(J)", "|gradient|"]), body);
    this.onmove();
  }

  /** Stand at an entry of the product. */
  choose(entry) {
    this.entry = entry;
    this.onmove();
  }

  /** Show the product; returns how far D_t times it is from Python's norm. */
  multiply(row, i) {
    const { matrix, error } = this.look.product(row, i);
    const n = this.look.width;
    this.product.set({ rows: n, columns: n, values: matrix, scale: signed(largest(matrix)) });
    this.product.to(...this.entry);
    return error;
  }

  words(row, i, exists, error) {
    const t = this.look.targets[row];
    if (!exists) {
      return i > t ? "The gradient does not go forward in time." : "The sequence starts afresh between them.";
    }
    if (i === t) {
      return "What enters the layer at this step.";
    }
    if (error === null) {
      return "";
    }
    const n = this.look.width;
    const product = `${counted(t - i, "Jacobian")} of ${n} × ${n} from Python, multiplied in this page.`;
    return `${product} D_${this.number(t)} times the product has the norm of Python's map ${closeness(error)}.`;
  }

  /** |J| and its spectral radius, of the Jacobian from the step after j to j; the way starts at t without one. */
  factor(j, t) {
    if (j === t || !this.look.jacobians) {
      return ["", ""];
    }
    return [written(this.look.norms[j]), written(this.look.radii[j])];
  }

  pairs() {
    const { map, steps, targets } = this.look;
    const norms = (row) => [...map.subarray(row * steps, row * steps + targets[row] + 1)];
    return targets.flatMap((t, row) => norms(row).map((norm, i) => [this.number(t), this.number(i), norm].map(String)));
  }

  entries() {
    const { columns, values } = this.product.shown;
    const places = (k) => [Math.floor(k / columns), k % columns].map((place) => String(this.number(place)));
    return Array.from(values, (value, k) => [...places(k), String(value)]);
  }
}
