/** Views that need no run: of numbers and pictures that the reader gives. */

import { element } from "../interactive/elements.js";
import { addressOf, restate } from "./address.js";
import { viewsOf } from "./server.js";
import { ViewPanel } from "./view_panel.js";

/** The room of #/explore/VIEW. */
export async function exploreRoom({ path, parameters, signal }) {
  const views = (await viewsOf()).filter(({ kinds }) => kinds.length === 0);
  const view = views.find(({ name }) => name === path[1]) ?? views[0];
  const tabs = views.map(({ name, title }) => {
    const current = name === view.name && "page";
    return element("li", {}, element("a", { href: addressOf(["explore", name]), "aria-current": current }, title));
  });
  const nav = element("nav", { class: "tabs", "aria-label": "Views" }, element("ul", {}, ...tabs));
  const panel = new ViewPanel({ view, runs: [], parameters, onstate: restate, signal });
  const heading = element("h1", {}, "Explore");
  const note = element("p", { class: "note" }, "Numbers and pictures of your own, without a run.");
  const parts = [heading, note, ...(tabs.length > 1 ? [nav] : []), panel.element];
  return { title: "Explore", element: element("section", {}, ...parts) };
}
