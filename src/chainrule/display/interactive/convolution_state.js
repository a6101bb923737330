/** What the address keeps of a convolution: convention, row, changed numbers, and the number that is shown as a sum. */

import { CHANGEABLE } from "./convolution_change.js";

const SUMS = ["y", "dx", "dw"];

/** Bring a model to what the address has, as far as there is such a row, and such entries to change. */
export function restore(model, address) {
  model.row = address.number("row", model.array("x").shape[0], 0);
  const changes = address.text("changes").split(";").map((change) => change.split(","));
  for (const [name, offset, text] of changes.filter(([name]) => CHANGEABLE.includes(name) && model.agrees)) {
    const value = Number.parseFloat(text);
    if (/^\d{1,9}$/.test(offset) && offset < model.array(name).values.length && Number.isFinite(value)) {
      model.put(name, Number(offset), value);
    }
  }
  const flip = address.number("flip", 2, null);
  if (flip !== null) {
    model.turn(flip === 1);
  }
}

/** The number that the address has chosen, {name, at}; the first output where it has none. */
export function chosenIn(model, address) {
  return entryIn(model, address.text("sum"), SUMS) ?? { name: "y", at: 0 };
}

/** The entry that the address offers to be changed; the first of the kernel where it has none. */
export function offeredIn(model, address) {
  return entryIn(model, address.text("entry"), CHANGEABLE) ?? { name: "w", at: 0 };
}

function entryIn(model, written, names) {
  const [name, text] = written.split(",");
  const isThere = names.includes(name) && /^\d{1,9}$/.test(text) && Number(text) < model.countOf(name);
  return isThere ? { name, at: Number(text) } : null;
}

/** What the address keeps: the chosen number, how many of its products are added, what may be, and what was changed. */
export function stateOf({ row, call, usual, changes }, { chosen, offered, added }) {
  const written = [...changes.values()].map((change) => `${change.name},${change.offset},${change.value}`);
  return {
    sum: chosen.name === "y" && chosen.at === 0 ? undefined : `${chosen.name},${chosen.at}`,
    entry: offered.name === "w" && offered.at === 0 ? undefined : `${offered.name},${offered.at}`,
    added,
    flip: call.flip === usual ? undefined : Number(call.flip),
    row: row || undefined,
    changes: written.length > 0 ? written.join(";") : undefined,
  };
}
