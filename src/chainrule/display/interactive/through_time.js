/**
 * Backpropagation through time to explore, of one model or of several on the same data and the same scales: the steps
 * played forward and back, the map with the product of Jacobians between two steps, and truncation. The numbers are
 * Python's; the products are the page's, which carries every gradient back itself and compares its norms with Python's.
 */

import { choice, element } from "./elements.js";
import { Look } from "./through_time_look.js";
import { PairsPanel } from "./through_time_pairs.js";
import { StepsPanel } from "./through_time_steps.js";
import { TruncationPanel } from "./through_time_truncation.js";
import { register } from "./views.js";

class ThroughTimeView {
  constructor({ looks }) {
    this.looks = looks.map((data) => new Look(data));
    this.note = element("p", { role: "status", class: "note" });
    this.steps = new StepsPanel(this.looks);
    this.pairs = new PairsPanel(this.looks);
    this.truncation = new TruncationPanel((k) => this.pairs.detach(k));
    const panels = [this.steps, this.pairs, this.truncation].map((panel) => panel.element);
    this.element = element("div", {}, ...this.switch(), this.note, ...panels);
    this.set(this.looks[0]);
  }

  /** A choice of the model, where there are several. */
  switch() {
    if (this.looks.length === 1) {
      return [];
    }
    const names = this.looks.map((look) => [look, look.label]);
    return [element("div", { class: "controls" }, choice("Model", names, this.looks[0], (look) => this.set(look)))];
  }

  set(look) {
    this.note.textContent = `${look.name}. ${look.verdict} ${look.provenance()}`;
    [this.steps, this.pairs, this.truncation].forEach((panel) => panel.set(look));
  }
}

register("through_time", (data) => new ThroughTimeView(data).element);
