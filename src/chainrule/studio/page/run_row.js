/** A run as a row of the table of all runs. */

import { element } from "../interactive/elements.js";
import { agoOf, countOf, linkOf, lossOf, statusOf } from "./words.js";

/** The columns: what they sort by, and whether the largest comes first at the first click. */
export const COLUMNS = [
  { key: "name", title: "Run", text: true },
  { key: "model", title: "Model", text: true },
  { key: "status", title: "Status", text: true },
  { key: "validation", title: "Held out" },
  { key: "test", title: "Test" },
  { key: "parameters", title: "Parameters" },
  { key: "updated", title: "Changed", falling: true },
];

/** The row: best tells of the best score on these data; selector is the box that chooses the run. */
export function rowOfRun(run, { best, selector }) {
  const broken = run.status === "broken";
  const name = broken ? element("b", {}, run.name) : linkOf(run);
  name.dataset.key = `link ${run.name}`;
  const under = element("small", { class: "under" }, run.model ?? "", " ", statusOf(run));
  const heading = element("th", { scope: "row", class: "name text" }, name, under);
  const comparable = !broken && run.status !== "comparison";
  const select = element("td", { class: "select" }, ...(comparable ? [selector] : []));
  if (broken) {
    const error = element("td", { class: "text error", colspan: COLUMNS.length - 1 }, run.error);
    return element("tr", {}, select, heading, error);
  }
  const cells = [
    ["model text", run.model ?? "–"],
    ["status text", statusOf(run), ...progressOf(run)],
    ["validation", lossOf(run.validation)],
    ["test", best ? element("b", { title: "the best on these data" }, lossOf(run.test)) : lossOf(run.test)],
    ["parameters", countOf(run.parameters)],
    ["updated", timeOf(run.updated)],
  ];
  const others = cells.map(([kind, ...parts]) => element("td", { class: kind }, ...parts));
  return element("tr", {}, select, heading, ...others);
}

function progressOf({ status, progress, name }) {
  const going = status === "training" && typeof progress === "number";
  return going ? [element("progress", { value: progress, max: 1, "aria-label": `progress of ${name}` })] : [];
}

function timeOf(iso) {
  return iso ? element("time", { datetime: iso, title: iso }, agoOf(iso)) : "–";
}
