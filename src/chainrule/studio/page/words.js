/** How the studio writes what it knows of a run. */

import { element } from "../interactive/elements.js";
import { addressOf } from "./address.js";

const STATUSES = {
  training: "training",
  finished: "finished",
  stopped: "not finished",
  comparison: "comparison",
  broken: "broken",
};
const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]]; // in seconds

/** A loss with four digits, or a dash. */
export function lossOf(value) {
  return value === null || value === undefined ? "–" : value.toFixed(4);
}

/** A count with its thousands apart, or a dash. */
export function countOf(value) {
  return value === null || value === undefined ? "–" : value.toLocaleString("en");
}

/** How long ago: "3 minutes ago". */
export function agoOf(iso) {
  const seconds = (Date.now() - Date.parse(iso)) / 1000;
  const [unit, length] = UNITS.find(([, each]) => seconds >= each) ?? [null, 1];
  return unit ? new Intl.RelativeTimeFormat("en").format(-Math.floor(seconds / length), unit) : "just now";
}

/** What a run is, in words: "lstm on english". */
export function modelOf({ model, data }) {
  return data ? `${model} on ${data}` : model ?? "";
}

/** The status, with a dot of its colour, and how far a fit has come. */
export function statusOf(run) {
  const words = [STATUSES[run.status] ?? run.status];
  if (run.status === "training" && run.step) {
    words.push(`step ${countOf(run.step)}${run.steps ? ` of ${countOf(run.steps)}` : ""}`);
  }
  return element("span", { class: `status ${run.status}` }, words.join(", "));
}

/** A link to a run. */
export function linkOf({ name }) {
  return element("a", { href: addressOf(["run", name]) }, name);
}

/** What the server said against an order or a question. */
export function errorOf(error) {
  return element("p", { class: "error", role: "alert" }, error.message);
}
