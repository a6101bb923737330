/** The views that there are, by name, and how one is shown. */

import { Address } from "./address.js";

const VIEWS = new Map();

/** Register a view: draw(data, address) returns the element that shows what Python sent, as the address has it. */
export function register(name, draw) {
  VIEWS.set(name, draw);
}

/** Fill an element that Python wrote, by its number: data-module names the view, the JSON within is its data. */
export function show(place, number) {
  const sent = place.querySelector('script[type="application/json"]');
  const draw = VIEWS.get(place.dataset.module);
  const address = new Address(number);
  place.replaceChildren(sent, draw(JSON.parse(sent.textContent), address));
  address.isRead = true;
}
