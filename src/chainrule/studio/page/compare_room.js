/** Two runs together: their curves in the same charts, the settings in which they differ, and a view of both. */

import { element } from "../interactive/elements.js";
import { addressOf, restate } from "./address.js";
import { CurvesPanel } from "./curves_panel.js";
import { got, inPath, viewsOf } from "./server.js";
import { ViewPanel } from "./view_panel.js";
import { linkOf, lossOf, modelOf, statusOf } from "./words.js";

/** The room of #/compare/LEFT/RIGHT/VIEW. */
export async function compareRoom({ store, path, parameters, signal }) {
  const [, left, right, tab = "curves"] = path;
  const asked = [left, right].map((name) => got(`/api/runs/${inPath(name ?? "")}`));
  const [views, ...runs] = await Promise.all([viewsOf(), ...asked]);
  const fits = ({ name }) => name !== "curves" && runs.every((run) => run.views.includes(name));
  const offered = [{ name: "curves", title: "Curves" }, ...views.filter(fits)];
  const tabs = offered.map(({ name, title }) => {
    const href = addressOf(["compare", left, right, ...(name === "curves" ? [] : [name])]);
    return element("li", {}, element("a", { href, "aria-current": name === tab && "page" }, title));
  });
  const nav = element("nav", { class: "tabs", "aria-label": "Views of both" }, element("ul", {}, ...tabs));
  const view = offered.find(({ name }) => name === tab) ?? offered[0];
  const given = view.pair ? { runs: runs.slice(0, 1), fixed: { other: right } } : { runs };
  const common = { ...given, parameters, onstate: restate, signal };
  const panel = view.name === "curves" ? new CurvesPanel({ store, ...common }) : new ViewPanel({ view, ...common });
  const heading = element("h1", {}, "Side by side");
  const room = element("section", { class: "compare" }, heading, tableOf(runs), nav, panel.element);
  return { title: `${left} and ${right}`, element: room };
}

function tableOf(runs) {
  const columns = [["Run", "text"], ["Model", "text"], ["Status", "text"], ["Held out"], ["Test"]];
  const head = columns.map(([name, kind]) => element("th", { scope: "col", class: kind }, name));
  const rows = runs.map((run, n) => {
    const name = element("th", { scope: "row", class: `text key run-${n}` }, linkOf(run));
    const cells = [modelOf(run), statusOf(run), lossOf(run.validation), lossOf(run.test)];
    return element("tr", {}, name, ...cells.map((cell, k) => element("td", { class: columns[k + 1][1] }, cell)));
  });
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
  return element("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "The runs" }, table);
}
