/** The views that there are, by name, and how one is shown. */

const VIEWS = new Map();

/** Register a view: draw(data) returns the element that shows what Python sent. */
export function register(name, draw) {
  VIEWS.set(name, draw);
}

/** Fill an element that Python wrote: data-module names the view, the JSON within is its data. */
export function show(place) {
  const data = JSON.parse(place.querySelector('script[type="application/json"]').textContent);
  place.append(VIEWS.get(place.dataset.module)(data));
}
