/** All runs of the folder, those of one data set together, since only their scores can be compared. */

import { element } from "../interactive/elements.js";
import { addressOf, restate } from "./address.js";
import { agoOf, countOf, linkOf, lossOf, statusOf } from "./words.js";

const COLUMNS = [
  { key: "name", title: "Run", text: true },
  { key: "model", title: "Model", text: true },
  { key: "status", title: "Status", text: true },
  { key: "validation", title: "Held out" },
  { key: "test", title: "Test" },
  { key: "parameters", title: "Parameters" },
  { key: "updated", title: "Changed", falling: true },
];
const USUAL = "test";
const BROKEN = "Cannot be read";
const COMPARISONS = "Comparisons";

/** The room: sorted and narrowed down as its address says. */
export async function runsRoom({ store, parameters, signal }) {
  const room = new RunsRoom(store, parameters);
  store.addEventListener("runs", () => room.draw(), { signal });
  return { title: "Runs", element: room.element };
}

class RunsRoom {
  constructor(store, { sort = USUAL, falling, words = "" }) {
    Object.assign(this, { store, sort, falling: falling === "1", words, chosen: new Set() });
    this.summary = element("p", { class: "note" });
    this.filter = element("input", { type: "search", value: words, placeholder: "name, model or data", autocomplete: "off" });
    this.filter.addEventListener("input", () => this.change({ words: this.filter.value }));
    this.headings = new Map(COLUMNS.map((column) => [column.key, this.heading(column)]));
    this.table = element("table", { class: "runs" });
    this.compare = element("a", { class: "button" }, "Side by side");
    this.told = element("span", { class: "note", role: "status" });
    const head = element("div", { class: "head" }, element("h1", {}, "Runs"), element("label", {}, "Find ", this.filter));
    const scrolled = element("div", { class: "scroll" }, this.table);
    this.below = element("div", { class: "below" }, this.compare, this.told);
    this.empty = element("p", { class: "empty" }, "No runs here yet. ", element("a", { href: "#/fit" }, "Fit a first model"), ".");
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
      heading.ariaSort = key !== this.sort ? "none" : this.falling ? "descending" : "ascending";
    }
    const select = element("th", { scope: "col", class: "select" }, element("span", { class: "unseen" }, "Side by side"));
    const head = element("thead", {}, element("tr", {}, select, ...this.headings.values()));
    const focused = document.activeElement?.dataset.key; // drawn anew while the reader stands in the table
    this.table.replaceChildren(head, ...groupsOf(seen).map((group) => this.group(group)));
    this.table.querySelector(`[data-key="${CSS.escape(focused ?? "")}"]`)?.focus();
    this.offer();
  }

  group({ data, runs }) {
    const unit = runs.find((run) => run.unit)?.unit;
    const title = element("th", { scope: "rowgroup", colspan: COLUMNS.length + 1 }, data);
    title.append(" ", element("small", {}, unit ?? ""));
    const best = bestOf(runs);
    const rows = [...runs].sort((a, b) => this.order(a, b)).map((run) => this.row(run, run === best));
    return element("tbody", {}, element("tr", { class: "group" }, title), ...rows);
  }

  /** Runs without a value come last, in either order. */
  order(a, b) {
    const [left, right] = [a[this.sort], b[this.sort]];
    if ((left ?? null) === null || (right ?? null) === null) {
      return Number((left ?? null) === null) - Number((right ?? null) === null);
    }
    const way = this.falling ? -1 : 1;
    return way * (typeof left === "number" ? left - right : String(left).localeCompare(String(right)));
  }

  row(run, best) {
    const broken = run.status === "broken";
    const name = broken ? element("b", {}, run.name) : linkOf(run);
    const under = element("small", { class: "under" }, run.model ?? "", " ", statusOf(run));
    const cells = [
      element("th", { scope: "row", class: "name text" }, name, under),
      element("td", { class: "model text" }, run.model ?? "–"),
      element("td", { class: "status text" }, statusOf(run), ...progressOf(run)),
      element("td", { class: "validation" }, lossOf(run.validation)),
      element("td", { class: "test" }, best ? element("b", { title: "the best on these data" }, lossOf(run.test)) : lossOf(run.test)),
      element("td", { class: "parameters" }, countOf(run.parameters)),
      element("td", { class: "updated" }, run.updated ? element("time", { datetime: run.updated, title: run.updated }, agoOf(run.updated)) : "–"),
    ];
    const told = element("td", { class: "text error", colspan: COLUMNS.length - 1 }, run.error ?? "");
    name.dataset.key = `link ${run.name}`;
    return element("tr", { class: run.status }, this.selector(run), ...(broken ? [cells[0], told] : cells));
  }

  /** A box that chooses the run to be shown beside another one. */
  selector(run) {
    if (run.status === "broken" || run.status === "comparison") {
      return element("td", { class: "select" });
    }
    const box = element("input", { type: "checkbox", "aria-label": `${run.name} side by side`, checked: this.chosen.has(run.name) });
    box.dataset.key = `box ${run.name}`;
    box.addEventListener("change", () => {
      this.chosen[box.checked ? "add" : "delete"](run.name);
      this.offer();
    });
    return element("td", { class: "select" }, box);
  }

  /** Offer to show two runs side by side. */
  offer() {
    const names = [...this.chosen].filter((name) => this.store.runs.has(name));
    const ready = names.length === 2;
    this.compare.classList.toggle("disabled", !ready);
    this.compare.ariaDisabled = String(!ready);
    if (ready) {
      this.compare.href = addressOf(["compare", ...names]);
    } else {
      this.compare.removeAttribute("href");
    }
    this.below.hidden = this.store.runs.size < 2;
    this.below.classList.toggle("some", names.length > 0);
    this.told.textContent = ready ? names.join(" and ") : `Choose two runs to see them together; ${names.length} chosen.`;
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

function progressOf({ status, progress, name }) {
  return status === "training" && typeof progress === "number" ? [element("progress", { value: progress, max: 1, "aria-label": `progress of ${name}` })] : [];
}
