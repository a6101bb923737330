/** The curves of one run or several, kept up while the first of them trains, and below what the runs are made of. */

import { element, headOf, rowOf } from "../interactive/elements.js";
import { extend, longest } from "./curve.js";
import { Curves } from "./curves.js";
import { inPath } from "./server.js";

const NONE = "No records yet.";
const SOLVED = "This model was counted or solved exactly, without steps of training: it has no curves.";

export class CurvesPanel {
  /** Runs are what /api/runs/NAME says of them. */
  constructor({ store, runs, parameters, onstate, signal }) {
    Object.assign(this, { store, runs, found: new Map() });
    this.curves = new Curves({ state: parameters, onstate });
    this.note = element("p", { class: "note", role: "status" }, "Reading the records …");
    const links = runs.map((run) => exportOf(run, runs.length > 1));
    const bar = element("div", { class: "bar" }, this.note, ...links);
    this.settings = element("div", {}, settingsOf(runs));
    this.element = element("div", {}, bar, this.curves.element, this.settings);
    store.addEventListener("metrics", ({ detail }) => this.add(detail), { signal });
    this.follow();
  }

  /** Ask for records, of a run that has just begun as soon as it has a folder. */
  follow() {
    const names = this.runs.map(({ name }) => name);
    if (names.every((name) => this.store.runs.has(name))) {
      this.store.follow(names);
    }
  }

  /** Take what is known of the run since its fit began or ended. */
  renew(run) {
    this.runs = [run];
    this.settings.replaceChildren(settingsOf(this.runs));
    if (this.found.size === 0) {
      this.follow();
    }
    this.draw();
  }

  /** Add records that have come, or take them as all that there are. */
  add({ run, reset, curves }) {
    if (!this.runs.some(({ name }) => name === run)) {
      return;
    }
    if (reset || !this.found.has(run)) {
      this.found.set(run, {});
    }
    extend(this.found.get(run), curves);
    this.draw();
  }

  draw() {
    const shown = this.runs.filter(({ name }) => this.found.has(name)).map((run) => this.drawn(run));
    const none = shown.every(({ curves }) => longest(curves) === 0);
    const solved = this.runs.every((run) => run.solved);
    this.note.textContent = (none && (solved ? SOLVED : NONE)) || "";
    this.curves.element.hidden = none && solved;
    this.curves.set(shown);
  }

  drawn({ name, unit, baselines = {} }) {
    const levels = Object.entries(baselines).map(([baseline, value]) => ({ name: `${baseline}, test part`, value }));
    return { name, unit, levels, curves: this.found.get(name) };
  }
}

function exportOf({ name }, named) {
  const href = `/view/${inPath(name)}?view=curves&download=1`;
  return element("a", { class: "button", href, download: "" }, named ? `Export ${name}` : "Export as a file");
}

/** The runs' settings as a table, behind a summary; of several runs those in which they differ come first. */
function settingsOf(runs) {
  const tables = runs.map(({ settings }) => new Map(listed(settings)));
  const names = [...new Set(tables.flatMap((table) => [...table.keys()]))];
  const differs = (name) => new Set(tables.map((table) => table.get(name))).size > 1;
  const sorted = [...names.filter(differs), ...names.filter((name) => !differs(name))];
  const rows = sorted.map((name) => {
    const row = rowOf([name, ...tables.map((table) => table.get(name) ?? "–")]);
    row.classList.toggle("differs", differs(name));
    return row;
  });
  const head = headOf(["", ...runs.map(({ name }) => name)]);
  const table = element("table", { class: "settings" }, head, element("tbody", {}, ...rows));
  const scrolled = element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Settings" }, table);
  const summary = element("summary", {}, "Settings");
  return element("details", { open: runs.length > 1, hidden: names.length === 0 }, summary, scrolled);
}

/** Settings with their values, part by part; what is empty was not asked for. */
function listed(settings) {
  const parts = Object.values(settings ?? {}).flatMap(Object.entries);
  const given = parts.filter(([, value]) => value !== null && String(value) !== "");
  return given.map(([name, value]) => [name.replaceAll("_", " "), String(value)]);
}
