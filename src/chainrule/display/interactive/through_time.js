/**
 * Backpropagation through time to explore, of one model or of several on the same data and the same scales: the steps
 * played forward and back, the map with the product of Jacobians between two steps, and truncation. The numbers are
 * Python's; the products are the page's, which carries every gradient back itself and compares its norms with Python's.
 */

import { choice, element } from "./elements.js";
import { Notation } from "./notation.js";
import { Look } from "./through_time_look.js";
import { PairsPanel } from "./through_time_pairs.js";
import { StepsPanel } from "./through_time_steps.js";
import { TruncationPanel } from "./through_time_truncation.js";
import { register } from "./views.js";

class ThroughTimeView {
  constructor({ looks }, address) {
    this.looks = looks.map((data) => new Look(data));
    this.address = address;
    this.look = this.looks[address.number("look", looks.length, 0)];
    this.note = element("p", { role: "status", class: "note" });
    const on = { onmove: () => this.keep(), notation: new Notation(looks[0].first) };
    this.steps = new StepsPanel(this.looks, on);
    this.pairs = new PairsPanel(this.looks, on);
    this.truncation = new TruncationPanel((k) => this.detach(k));
    this.panels = [this.steps, this.pairs, this.truncation];
    const panels = this.panels.map((panel) => panel.element);
    this.element = element("div", {}, ...this.switch(), this.note, ...panels);
    this.set(this.look);
    this.panels.forEach((panel) => panel.restore(address));
  }

  /** A choice of the model, where there are several. */
  switch() {
    if (this.looks.length === 1) {
      return [];
    }
    const names = this.looks.map((look) => [look, look.label]);
    return [element("div", { class: "controls" }, choice("Model", names, this.look, (look) => this.set(look)))];
  }

  set(look) {
    this.note.textContent = `${look.name}. ${look.verdict} ${look.provenance()}`;
    this.look = look;
    this.panels.forEach((panel) => panel.set(look));
    this.keep();
  }

  detach(k) {
    this.pairs.detach(k);
    this.keep();
  }

  /** Keep what is chosen in the address. */
  keep() {
    const look = this.looks.indexOf(this.look);
    this.address.keep(() => Object.assign({ look: look || undefined }, ...this.panels.map((panel) => panel.state())));
  }
}

register("through_time", (data, address) => new ThroughTimeView(data, address).element);
