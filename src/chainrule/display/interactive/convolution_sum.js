/** One number of a convolution as the sum that it is: its products, one after another, with their running sum. */

import { PlayButton, Slider } from "./controls.js";
import { element, headOf, rowOf } from "./elements.js";
import { counted, written } from "./numbers.js";

const WRITTEN = 12; // products up to which the sum is written out
const LISTED = 100; // products in the table: more would take a frame or two to lay out
const SHORTEST = 60; // milliseconds from one product to the next
const WHOLE = 3000; // milliseconds of a whole sum, if that is not too short for one product
const BETWEEN = 900; // milliseconds between two sums

export class SumPanel {
  /** onplace(at) is asked for another number of the same result, ongrow() follows each change of what is shown. */
  constructor({ onplace, ongrow }) {
    Object.assign(this, { onplace, ongrow });
    this.heading = element("h2", {});
    this.products = element("p", { class: "products" });
    this.result = element("div", { role: "status", class: "result" }, this.heading, this.products);
    this.place = new Slider("Slide", onplace);
    this.grown = new Slider("Products added", (count) => this.grow(count));
    this.play = new PlayButton("Play", () => this.tick());
    this.body = element("tbody");
    const table = element("table", {}, headOf(["product", "", "value", "running sum"]), this.body);
    const region = { class: "scroll listed", tabindex: 0, role: "region", "aria-label": "Products" };
    const listed = element("div", region, table);
    const controls = element("div", { class: "controls" }, this.play.element, this.place.element, this.grown.element);
    this.element = element("section", { class: "sum", "aria-label": "The sum" }, controls, this.result, listed);
  }

  /**
   * Show a sum of the model: its label, the place of the number among so many places, its start and terms, and
   * labels(term), how the two factors are written.
   */
  set(shown) {
    this.shown = shown;
    const { labels, start, terms, value } = shown;
    this.rows = terms.slice(0, LISTED).map((term) => {
      const [a, b] = term.factors;
      const factors = `${bracketed(a)} · ${bracketed(b)}`;
      return rowOf([labels(term).join(" · "), factors, written(term.product), written(term.running)]);
    });
    const bias = start === 0 ? [] : [rowOf(["bias", "", written(start), written(start)])];
    const more = terms.length - this.rows.length;
    this.last = more > 0 ? [rowOf([`and ${counted(more, "product")}`, "", "", written(value)])] : [];
    this.body.replaceChildren(...bias, ...this.rows, ...this.last);
    this.grow(terms.length);
  }

  /** Show so many of the products as added. */
  grow(count) {
    const { label, place, places, start, terms } = this.shown;
    this.count = count;
    const value = count > 0 ? terms[count - 1].running : start;
    const whole = count === terms.length;
    const of = `${count} of ${counted(terms.length, "product")}`;
    this.heading.textContent = `${label} = ${written(value, 6)}${whole ? "" : ` + …, ${of}`}`;
    this.products.textContent = this.inWords();
    this.rows.forEach((row, k) => row.toggleAttribute("hidden", k >= count));
    this.last.forEach((row) => row.toggleAttribute("hidden", !whole));
    this.place.set(place, places - 1, label);
    this.grown.set(count, terms.length, of);
    this.ongrow();
  }

  /** What has been added, where there is room: 0.5 + 1 · 3 + 2 · 5. */
  inWords() {
    const { start, terms } = this.shown;
    if (terms.length === 0) {
      return "No product contributes.";
    }
    if (terms.length > WRITTEN) {
      return "";
    }
    const added = terms.slice(0, this.count).map(({ factors: [a, b] }) => `${bracketed(a)} · ${bracketed(b)}`);
    return (start === 0 ? added : [written(start), ...added]).join(" + ");
  }

  /** The next product; after the last one the next number. */
  tick() {
    const { place, places, terms } = this.shown;
    if (this.count < terms.length) {
      this.grow(this.count + 1);
      return this.count < terms.length ? Math.max(SHORTEST, WHOLE / terms.length) : BETWEEN;
    }
    this.onplace((place + 1) % places);
    this.grow(0);
    return SHORTEST;
  }
}

function bracketed(value) {
  return value < 0 ? `(${written(value)})` : written(value);
}
