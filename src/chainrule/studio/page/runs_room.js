/** All runs of the folder, those of one data set together, since only their scores can be compared. */

import { element } from "../interactive/elements.js";
import { addressOf, restate } from "./address.js";
import { COLUMNS, rowOfRun } from "./run_row.js";

const USUAL = "test";
const BROKEN = "Cannot be read";
const COMPARISONS = "Comparisons";

/** The room of #/: sorted and narrowed down as its address says. */
export async function runsRoom({ store, parameters, signal }) {
  const room = new RunsRoom(store, parameters);
  store.addEventListener("runs", () => room.draw(), { signal });
  return { title: "Runs", element: room.element };
}

class RunsRoom {
  constructor(store, { sort = USUAL, falling, words = "" }) {
    Object.assign(this, { store, sort, falling: falling === "1", words, chosen: new Set() });
    this.summary = element("p", { class: "note" });
    const about = { type: "search", value: words, placeholder: "name, model or data", autocomplete: "off" };
    const filter = element("input", { ...about, oninput: () => this.change({ words: filter.value }) });
    const head = element("div", { class: "head" }, element("h1", {}, "Runs"), element("label", {}, "Find ", filter));
    this.headings = new Map(COLUMNS.map((column) => [column.key, this.heading(column)]));
    this.table = element("table", { class: "runs" });
    const first = element("a", { href: "#/fit" }, "Fit a first model");
    this.empty = element("p", { class: "empty" }, "No runs here yet. ", first, ".");
    this.compare = element("a", { class: "button" }, "Side by side");
    this.told = element("span", { class: "note", role: "status" });
    this.below = element("div", { class: "below" }, this.compare, this.told);
    const scrolled = element("div", { class: "scroll" }, this.table);
    this.element = element("section", {}, head, this.summary, scrolled, this.empty, this.below);
    this.draw();
  }

  /** A heading that sorts by its column, or turns the order. */
  heading({ key, title, text }) {
    const button = element("button", { type: "button", onclick: () => this.sortBy(key) }, title);
    return element("th", { scope: "col", class: `${key}${text ? " text" : ""}` }, button);
  }

  sortBy(key) {
    const usual = Boolean(COLUMNS.find((column) => column.key === key).falling);
    this.change({ sort: key, falling: this.sort === key ? !this.falling : usual });
  }

  change(state) {
    Object.assign(this, state);
    const { sort, falling, words } = this;
    restate({ sort: sort === USUAL ? undefined : sort, falling: falling ? "1" : undefined, words });
    this.draw();
  }

  draw() {
    const all = [...this.store.runs.values()];
    const wanted = this.words.toLowerCase();
    const seen = all.filter((run) => `${run.name} ${run.model} ${run.data}`.toLowerCase().includes(wanted));
    const training = all.filter(({ status }) => status === "training").length;
    this.summary.textContent = `${all.length} in ${this.store.folder}${training ? `, ${training} training now` : ""}`;
    this.empty.hidden = all.length > 0;
    this.table.hidden = all.length === 0;
    for (const [key, heading] of this.headings) {
      const way = this.falling ? "descending" : "ascending";
      heading.ariaSort = key === this.sort ? way : "none";
    }
    const focused = document.activeElement?.dataset.key ?? ""; // as the rows are made anew, wherever the reader stands
    this.table.replaceChildren(this.head(), ...groupsOf(seen).map((group) => this.group(group)));
    this.table.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    this.offer();
  }

  head() {
    const unseen = element("span", { class: "unseen" }, "Side by side");
    const select = element("th", { scope: "col", class: "select" }, unseen);
    return element("thead", {}, element("tr", {}, select, ...this.headings.values()));
  }

  group({ data, runs }) {
    const unit = element("small", {}, runs.find((run) => run.unit)?.unit ?? "");
    const title = element("th", { scope: "rowgroup", colspan: COLUMNS.length + 1 }, data, " ", unit);
    const best = bestOf(runs);
    const sorted = [...runs].sort((a, b) => this.order(a, b));
    const rows = sorted.map((run) => rowOfRun(run, { best: run === best, selector: this.selector(run) }));
    return element("tbody", {}, element("tr", { class: "group" }, title), ...rows);
  }

  /** Runs without a value come last, in either order. */
  order(a, b) {
    const [left, right] = [a[this.sort] ?? null, b[this.sort] ?? null];
    if (left === null || right === null) {
      return Number(left === null) - Number(right === null);
    }
    const way = this.falling ? -1 : 1;
    return way * (typeof left === "number" ? left - right : String(left).localeCompare(String(right)));
  }

  /** A box that chooses the run to be shown beside another one. */
  selector({ name }) {
    const label = `${name} side by side`;
    const box = element("input", { type: "checkbox", "aria-label": label, checked: this.chosen.has(name) });
    box.dataset.key = `box ${name}`;
    box.addEventListener("change", () => {
      this.chosen[box.checked ? "add" : "delete"](name);
      this.offer();
    });
    return box;
  }

  /** Offer to show two runs side by side. */
  offer() {
    const names = [...this.chosen].filter((name) => this.store.runs.has(name));
    const ready = names.length === 2;
    this.compare.classList.toggle("disabled", !ready);
    if (ready) {
      this.compare.href = addressOf(["compare", ...names]);
    } else {
      this.compare.removeAttribute("href");
    }
    this.below.hidden = this.store.runs.size < 2;
    this.below.classList.toggle("some", names.length > 0);
    const hint = `Choose two runs to see them together; ${names.length} chosen.`;
    this.told.textContent = ready ? names.join(" and ") : hint;
  }
}

/** Runs by their data, those with the latest change first; comparisons and broken ones at the end. */
function groupsOf(runs) {
  const groups = new Map();
  for (const run of [...runs].sort((a, b) => String(b.updated).localeCompare(String(a.updated)))) {
    const data = run.data ?? (run.status === "broken" ? BROKEN : COMPARISONS);
    groups.set(data, [...(groups.get(data) ?? []), run]);
  }
  const found = [...groups].map(([data, members]) => ({ data, runs: members }));
  const last = [COMPARISONS, BROKEN];
  return found.sort((a, b) => last.indexOf(a.data) - last.indexOf(b.data));
}

/** The run with the lowest test loss, where there are several to compare. */
function bestOf(runs) {
  const scored = runs.filter(({ test }) => typeof test === "number");
  return scored.length > 1 ? scored.reduce((best, run) => (run.test < best.test ? run : best)) : null;
}
