/** A new fit: data, model, budget, and behind summaries every other option; the address holds what was chosen. */

import { element } from "../interactive/elements.js";
import { go, restate } from "./address.js";
import { fieldOf } from "./fields.js";
import { got, sent } from "./server.js";
import { errorOf } from "./words.js";

const BUDGETS = [
  ["A first look", { steps: "100" }],
  ["1 minute", { minutes: "1" }],
  ["3 minutes", {}],
  ["10 minutes", { minutes: "10" }],
];
const FIRST = ["model", "minutes", "steps"]; // options that are seen at once

/** The room of #/fit. */
export async function fitRoom({ store, parameters }) {
  const [data, options] = await Promise.all([got("/api/data"), got("/api/options")]);
  return { title: "New fit", element: new FitRoom({ store, data, options, parameters }).element };
}

class FitRoom {
  constructor({ store, data, options, parameters }) {
    Object.assign(this, { store, options, given: { data: data.builtin[0]?.name, ...parameters } });
    this.out = element("input", { type: "text", required: true, autocomplete: "off" });
    this.out.value = this.given.out ?? this.free();
    this.out.addEventListener("input", () => this.change({ out: this.out.value }));
    this.told = element("div");
    this.start = element("button", { class: "primary" }, "Start");
    this.budget = element("div", { class: "controls" });
    this.writeBudget();
    const named = element("label", { class: "field" }, element("span", {}, "Name of the run"), this.out);
    const foot = element("div", { class: "foot" }, named, this.start, this.told);
    const choices = [this.sources(data), this.part("Model", this.field("model")), this.part("Budget", this.budget)];
    const onsubmit = (event) => this.submit(event);
    const form = element("form", { class: "fit", novalidate: true, onsubmit }, ...choices, ...this.groups(), foot);
    this.element = element("section", {}, element("h1", {}, "New fit"), form);
  }

  part(title, ...content) {
    return element("section", { class: "part" }, element("h2", {}, title), ...content);
  }

  /** The data sets that there are, each a card. */
  sources({ builtin, files }) {
    const own = files.map((name) => ({ name, description: "a file of yours", kind: "", size: "" }));
    const cards = [...builtin, ...own].map(({ name, description, kind, size }) => {
      const checked = name === this.given.data;
      const onchange = () => this.change({ data: name });
      const radio = element("input", { type: "radio", name: "data", value: name, checked, onchange });
      const about = element("small", {}, [kind, size].filter(Boolean).join(", "));
      const parts = [radio, element("b", {}, name), element("span", {}, description), about];
      return element("label", { class: "card" }, ...parts);
    });
    const legend = element("legend", {}, element("h2", {}, "Data"));
    return element("fieldset", { class: "part cards" }, legend, ...cards);
  }

  field(name) {
    const option = this.options.find((each) => each.name === name);
    return fieldOf(option, this.given[name], (value) => this.change({ [name]: value }));
  }

  /** Buttons for usual budgets, and the two options that say any other. */
  writeBudget() {
    const buttons = BUDGETS.map(([words, budget], k) => {
      const chosen = ["minutes", "steps"].every((name) => this.given[name] === budget[name]);
      const onclick = () => {
        this.change({ minutes: undefined, steps: undefined, ...budget });
        this.writeBudget();
        this.budget.querySelectorAll("button")[k].focus();
      };
      return element("button", { type: "button", "aria-pressed": String(chosen), onclick }, words);
    });
    const group = element("div", { class: "buttons", role: "group", "aria-label": "Usual budgets" }, ...buttons);
    this.budget.replaceChildren(group, this.field("minutes"), this.field("steps"));
  }

  /** All other options by their groups, as fit --help has them. */
  groups() {
    const others = this.options.filter(({ name }) => !FIRST.includes(name));
    const groups = [...new Set(others.map(({ group }) => group))];
    return groups.map((group) => {
      const own = others.filter((option) => option.group === group);
      const open = own.some(({ name }) => this.given[name] !== undefined);
      const fields = element("div", { class: "fields" }, ...own.map(({ name }) => this.field(name)));
      return element("details", { open }, element("summary", {}, group), fields);
    });
  }

  /** A name for the run that no other has, in letters of any script. */
  free() {
    const words = [this.given.data, this.given.model].filter(Boolean).join("-");
    const base = words.replace(/[^\p{L}\p{M}\p{N}_.-]+/gu, "-").replace(/^[.-]+/, "");
    const names = this.store.runs;
    let count = 1;
    while (names.has(count === 1 ? base : `${base}-${count}`)) {
      count += 1;
    }
    return count === 1 ? base : `${base}-${count}`;
  }

  change(given) {
    Object.assign(this.given, given);
    restate(this.given);
    if (this.given.out === undefined) {
      this.out.value = this.free();
    }
  }

  /** Order the fit, and go to where it can be watched. */
  async submit(event) {
    event.preventDefault();
    this.told.replaceChildren();
    const wrong = [...event.target.elements].find((control) => control.willValidate && !control.validity.valid);
    if (wrong) {
      this.refuse(wrong);
      return;
    }
    const { data, out, ...options } = this.given;
    this.start.disabled = true;
    try {
      const job = await sent("/api/jobs", { command: "fit", data, out: this.out.value, options: this.typed(options) });
      this.store.add(job);
      go(["run", job.run]);
    } catch (error) {
      this.told.replaceChildren(errorOf(error));
      this.start.disabled = false;
    }
  }

  /** Go to a control whose value cannot be, and say why beside the button, where one looks. */
  refuse(control) {
    const name = control.ariaLabel ?? control.labels[0]?.firstElementChild?.textContent ?? "A value";
    const value = control.validity.badInput ? "no number" : control.value || "empty";
    control.closest("details")?.setAttribute("open", "");
    control.focus();
    this.told.replaceChildren(errorOf(new Error(`${name} is ${value}. ${control.validationMessage}`)));
  }

  /** Options as what they are: numbers as numbers. */
  typed(given) {
    const kinds = new Map(this.options.map(({ name, type }) => [name, type]));
    const made = { number: Number, integer: Number, boolean: (text) => text === "true" };
    const known = Object.entries(given).filter(([name, value]) => kinds.has(name) && value !== undefined);
    return Object.fromEntries(known.map(([name, value]) => [name, (made[kinds.get(name)] ?? String)(value)]));
  }
}
