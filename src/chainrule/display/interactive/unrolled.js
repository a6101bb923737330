/**
 * A small recurrent network unrolled over a sequence: inputs, states, outputs and losses, and the two gradients that
 * arrive at each state, played forward and back. The numbers are Python's; the page adds the two gradients itself, and
 * compares their sums with Python's.
 */

import { element } from "./elements.js";
import { Notation } from "./notation.js";
import { arrayOf, closeness, difference } from "./numbers.js";
import { StepGrid } from "./step_grid.js";
import { StepsPanel } from "./through_time_steps.js";
import { register } from "./views.js";

class UnrolledView {
  constructor({ first, name, units, losses, forward, backward }, address) {
    const arrays = (found) => found.map((array) => ({ ...array, ...arrayOf(array.values) }));
    const look = { units, forward: arrays(forward), backward: arrays(backward) };
    look.losses = losses && arrayOf(losses).values;
    look.steps = look.forward[0].shape[0];
    const onmove = () => address.keep(() => panel.state());
    const panel = new StepsPanel([look], { onmove, notation: new Notation(first), Shape: StepGrid });
    const note = element("p", { class: "note" }, `${name}. ${agreement(look.backward)}`);
    this.element = element("div", { class: "unrolled" }, note, panel.element);
    panel.set(look);
    panel.restore(address);
  }
}

/** How far the sums of both gradients are from Python's, which come last. */
function agreement(backward) {
  const [fromOutput, fromNext, whole] = backward.map(({ values }) => values);
  const error = difference(fromOutput.map((value, k) => value + fromNext[k]), whole);
  return `Added in this page, both gradients that arrive at each h_t agree with Python's dL/dh_t ${closeness(error)}.`;
}

register("unrolled", (data, address) => new UnrolledView(data, address).element);
