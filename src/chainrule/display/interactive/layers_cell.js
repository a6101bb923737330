/** One cell of a layer: what it sees of the input, and the sum that it is, over all channels that its kernel reads. */

import { element, headOf, rowOf } from "./elements.js";
import { Grid } from "./grid.js";
import { channelsOf } from "./layers_sum.js";
import { closeness, written } from "./numbers.js";

const LIMIT = 1e-9; // of the difference from Python: as much as the lens allows from autograd
const AXES = ["rows", "columns"];

export class CellPanel {
  constructor(notation) {
    this.notation = notation;
    this.heading = element("h2", {});
    this.words = element("p", {});
    this.grids = element("div", { class: "pictures sums" });
    this.table = element("table");
    const status = element("div", { role: "status" }, this.heading, this.words);
    const region = { class: "scroll listed", tabindex: 0, role: "region", "aria-label": "Channels" };
    this.listed = element("div", region, this.table);
    this.element = element("section", { class: "sum", "aria-label": "The cell" }, status, this.listed, this.grids);
  }

  /** Show a cell; without a call it is no sum, and without a field nobody knows what it sees. */
  set({ label, index, value, field, atMost, call }) {
    const sum = call && channelsOf(call, index, value);
    this.heading.textContent = sum ? this.equation(label, sum) : `${label} = ${written(value, 6)}`;
    this.words.textContent = [this.seen(field, atMost), sum && agreement(sum)].filter(Boolean).join(" ");
    this.listed.toggleAttribute("hidden", !sum);
    this.grids.replaceChildren(...(sum ? this.pictures(call, sum) : []));
    this.table.replaceChildren(...(sum ? tableOf(sum) : []));
  }

  equation(label, { printed, whole, channels, rest }) {
    const count = channels.length + rest.count;
    return `${label} = ${printed.text(whole)}${printed.units}, bias and ${count} channel${count === 1 ? "" : "s"}`;
  }

  /** What a cell depends on, or does at most, in words. */
  seen(field, atMost) {
    if (!field || field.length === 0) {
      return "";
    }
    if (field.some(([first, last]) => last < first)) {
      return "It sees nothing of the input, only padding.";
    }
    const names = field.length > 1 ? AXES : ["steps"];
    const size = field.map(([first, last]) => last - first + 1).join(" × ");
    const ends = field.map((span) => span.map((place) => this.notation.number(place)).join(" to "));
    const spans = ends.map((words, k) => `${names[k]} ${words}`);
    return `It sees ${atMost ? "at most " : ""}${size} of the input: ${spans.join(", ")}.`;
  }

  /** The kernel, what it reads and their products, a plane a channel. */
  pictures(call, { channels, printed }) {
    const [, , , rows, columns] = call.w.shape;
    const height = rows * call.w.shape[2];
    const names = channels.flatMap(({ labels }) => labels);
    const picture = (title, planes, of, text) => {
      const name = (at) => names[at];
      const on = { choose() {}, preview() {}, edit() {} };
      const grid = new Grid({ label: title, name, planes, rows: height, columns, on });
      grid.set(channels.flatMap(of), undefined, text);
      return element("figure", {}, element("figcaption", {}, element("b", {}, title)), grid.element);
    };
    const numbers = channels.map(({ channel }) => `channel ${channel}`);
    const sums = channels.map(({ channel, sum }) => `channel ${channel}: ${printed.text(sum)}`);
    const products = ({ products: digits }) => digits.map((each) => each / 10 ** printed.decimals);
    return [
      picture("Kernel", numbers, ({ w }) => w),
      picture("What it reads", numbers, ({ x }) => x),
      picture(`Products${printed.units}`, sums, products, (value) => value.toFixed(printed.decimals)),
    ];
  }
}

function agreement({ error }) {
  const verb = error <= LIMIT ? "agrees with" : "differs from";
  return `Its sum, formed in this page, ${verb} Python's number ${closeness(error)}; what is shown adds up.`;
}

/** The sum, a row a channel: what is printed adds up, with what rounding took away in a row of its own. */
function tableOf({ printed, bias, channels, rest, rounding }) {
  const parts = [["bias", bias], ...channels.map(({ channel, sum }) => [`channel ${channel}`, sum])];
  if (rest.count > 0) {
    parts.push([`${rest.count} others`, rest.sum]);
  }
  if (rounding !== 0) {
    parts.push(["rounding", rounding]);
  }
  let running = 0;
  const rows = parts.map(([name, digits]) => {
    running += digits;
    return rowOf([name, printed.text(digits), printed.text(running)]);
  });
  return [headOf(["channel", "sum of its products", "running sum"]), element("tbody", {}, ...rows)];
}
