/** One run: what it is, how its fit goes on, and a tab for its curves and for each view that fits it. */

import { element } from "../interactive/elements.js";
import { addressOf, restate } from "./address.js";
import { CurvesPanel } from "./curves_panel.js";
import { JobPanel } from "./job_panel.js";
import { got, inPath, viewsOf } from "./server.js";
import { ViewPanel } from "./view_panel.js";
import { countOf, errorOf, lossOf, modelOf, statusOf } from "./words.js";

const CURVES = { name: "curves", title: "Curves" }; // the studio's own, since they move

/** The room of #/run/NAME/VIEW. */
export async function runRoom({ store, path, parameters, signal }) {
  const [, name] = path;
  const room = new RunRoom({ store, name, signal });
  await room.load();
  room.open(path[2], parameters);
  store.addEventListener("runs", () => room.refresh().catch((error) => room.refuse(error)), { signal });
  return { title: name, element: room.element, renew: (address) => room.renew(address) };
}

class RunRoom {
  constructor({ store, name, signal }) {
    Object.assign(this, { store, name, signal });
    this.facts = element("dl", { class: "facts" });
    this.list = element("ul");
    this.place = element("div", { class: "panel" });
    const back = element("p", { class: "back" }, element("a", { href: "#/" }, "Runs"), " /");
    const head = element("div", { class: "head" }, element("div", {}, back, element("h1", {}, name)), this.facts);
    const tabs = element("nav", { class: "tabs", "aria-label": "Views of the run" }, this.list);
    const job = new JobPanel({ store, run: name, signal });
    this.element = element("section", { class: "run" }, head, job.element, tabs, this.place);
  }

  /** Ask for all of the run; a fit that has only just begun has no folder yet, and is told of by its job. */
  async load() {
    const begins = !this.store.runs.has(this.name) && this.store.jobOf(this.name) !== undefined;
    const begun = { name: this.name, views: [CURVES.name] };
    const about = begins ? begun : got(`/api/runs/${inPath(this.name)}`);
    [this.about, this.views] = await Promise.all([about, viewsOf()]);
    this.status = begins ? null : this.about.status;
    const fits = ({ name, pair }) => this.about.views.includes(name) && !pair;
    this.offered = this.views.filter(fits).map((view) => (view.name === CURVES.name ? CURVES : view));
    this.list.replaceChildren(...this.offered.map((view) => element("li", {}, this.tab(view))));
    this.tell();
  }

  tab({ name, title }) {
    const href = addressOf(["run", this.name, ...(name === CURVES.name ? [] : [name])]);
    return element("a", { href, "aria-current": name === this.shown && "page" }, title);
  }

  /** Write what the list of runs says of it now; once the fit has begun, or ended, there is more to ask for. */
  async refresh() {
    const run = this.store.runs.get(this.name);
    if (run && run.status !== this.status) {
      this.status = run.status;
      await this.load();
      this.panel.renew?.(this.about);
    }
    this.tell();
  }

  refuse(error) {
    this.place.replaceChildren(errorOf(error));
  }

  tell() {
    const run = this.store.runs.get(this.name) ?? this.about;
    const facts = [
      ["Model", modelOf(run)],
      ["Status", statusOf(run)],
      ["Held out", lossOf(run.validation)],
      ["Test", lossOf(run.test)],
      ["Parameters", countOf(run.parameters)],
    ];
    const known = run.kind ? facts : [];
    this.facts.replaceChildren(...known.map(([term, value]) => factOf(term, value)));
  }

  /** Show another tab of this run, without drawing the rest anew. */
  renew({ path, parameters }) {
    const same = path[0] === "run" && path[1] === this.name;
    if (same) {
      this.open(path[2], parameters);
    }
    return same;
  }

  open(tab = this.offered[0]?.name, parameters = {}) {
    this.shown = tab;
    this.list.querySelectorAll("a").forEach((link, k) => {
      link.ariaCurrent = this.offered[k].name === tab ? "page" : null;
    });
    this.closing?.abort();
    this.closing = new AbortController();
    const signal = AbortSignal.any([this.signal, this.closing.signal]);
    if (this.offered.length === 0) {
      this.panel = {};
      this.refuse(new Error(this.about.error ?? "There is nothing to show of it yet."));
      return;
    }
    const view = this.offered.find(({ name }) => name === tab) ?? CURVES;
    const common = { parameters, onstate: restate, signal };
    this.panel =
      view === CURVES
        ? new CurvesPanel({ store: this.store, runs: [this.about], ...common })
        : new ViewPanel({ view, runs: [this.about], ...common });
    this.place.replaceChildren(this.panel.element);
  }
}

function factOf(term, value) {
  return element("div", {}, element("dt", {}, term), element("dd", {}, value));
}
