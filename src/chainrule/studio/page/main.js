/** The studio's page: the room that the address names, and what all rooms share. */

import { element } from "../interactive/elements.js";
import { parsed } from "./address.js";
import { compareRoom } from "./compare_room.js";
import { exploreRoom } from "./explore_room.js";
import { fitRoom } from "./fit_room.js";
import { runRoom } from "./run_room.js";
import { runsRoom } from "./runs_room.js";
import { Store } from "./store.js";
import { errorOf } from "./words.js";

const ROOMS = new Map([
  ["fit", fitRoom],
  ["run", runRoom],
  ["compare", compareRoom],
  ["explore", exploreRoom],
]);
const LOST = "The server does not answer; trying again. If you ended it, start chainrule studio again.";

const store = new Store();
const main = document.getElementById("main");
let turn = 0; // addresses so far
let staying = new AbortController(); // in the room that is shown
let shown = null;

/**
 * Show the room that the address names. A room is {title, element, renew}: what it listens to ends with the signal, and
 * renew(address), where it has one, tells whether it has shown an address itself. The first room leaves the focus where
 * it is; a later one has it, as a page that was just opened.
 */
async function enter() {
  turn += 1;
  const own = turn;
  const address = parsed();
  const [name] = address.path;
  if (shown?.renew?.(address)) {
    return;
  }
  const next = new AbortController();
  const room = ROOMS.get(name) ?? runsRoom;
  const found = await room({ store, ...address, signal: next.signal }).catch(refusal);
  if (own !== turn) {
    next.abort(); // the reader has gone on meanwhile
    return;
  }
  staying.abort();
  staying = next;
  document.title = `${found.title}, chainrule studio`;
  for (const link of document.querySelectorAll("#rooms a")) {
    const here = parsed(link.hash).path[0] === (ROOMS.has(name) ? name : undefined);
    link.ariaCurrent = here ? "page" : null;
  }
  main.replaceChildren(found.element);
  if (shown !== null) {
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  shown = found;
}

function refusal(error) {
  const back = element("p", {}, element("a", { href: "#/" }, "All runs"));
  const told = element("section", {}, element("h1", {}, "This cannot be shown"), errorOf(error), back);
  return { title: "Not shown", element: told };
}

document.getElementById("skip").addEventListener("click", () => main.focus());
addEventListener("hashchange", enter);
store.addEventListener("connection", () => {
  document.getElementById("connection").textContent = store.connected ? "" : LOST;
});
store.load().then(enter).then(
  () => store.open(),
  (error) => main.replaceChildren(refusal(error).element),
);
