/** A form in which the reader changes one entry of x, w or dy, and takes all changes back. */

import { element } from "./elements.js";

export const CHANGEABLE = ["x", "w", "dy"]; // arrays whose entries the reader may change: what went in

export class ChangeForm {
  /** onchange(name, at) follows a change, with null after all are taken back. */
  constructor(model, onchange) {
    Object.assign(this, { model, onchange });
    this.field = element("input", { type: "number", step: "any", required: true });
    this.label = element("span");
    const undo = element("button", { type: "button", onclick: () => this.undo() }, "Undo all");
    const edit = element("label", {}, this.label, " = ", this.field);
    const legend = element("legend", {}, "Change");
    const set = element("button", {}, "Set");
    const parts = element("fieldset", { disabled: !model.agrees }, legend, edit, set, " ", undo);
    this.element = element("form", { onsubmit: (event) => this.submit(event) }, parts);
    this.offer({ name: "w", at: 0 });
  }

  /** Offer an entry to be changed, by default the same again. */
  offer({ name, at } = this.offered) {
    this.offered = { name, at };
    this.label.textContent = this.model.label(name, at);
    this.field.value = this.model.valuesOf(name)[at];
  }

  /** Go to the field. */
  focus() {
    this.field.select();
  }

  submit(event) {
    event.preventDefault();
    const { name, at } = this.offered;
    this.model.change(name, at, Number(this.field.value));
    this.onchange(name, at);
  }

  undo() {
    this.model.undo();
    this.onchange(null);
  }
}
