/** The steps of a sequence, played forward and back: states and gates as they are made, gradients as they come back. */

import { signed } from "./colours.js";
import { PlayButton, Slider } from "./controls.js";
import { choice, element, headOf, rowOf } from "./elements.js";
import { largest, written } from "./numbers.js";
import { Picture } from "./picture.js";

const PACE = 350; // milliseconds a step
const PASSES = [["whole", "whole"], ["forward", "forward, up to t"], ["backward", "backward, down to t"]];

export class StepsPanel {
  /** looks share the scales of their colours. */
  constructor(looks) {
    Object.assign(this, { looks, pass: "whole", t: 0 });
    this.slider = new Slider("Step t", (t) => this.go(t));
    this.play = new PlayButton("Play", () => this.tick());
    this.passes = element("div");
    this.pictures = element("div", { class: "pictures" });
    this.head = element("div");
    const region = { class: "scroll listed", tabindex: 0, role: "region", "aria-label": "Units at this step" };
    this.table = element("table");
    this.title = element("h3");
    const controls = element("div", { class: "controls" }, this.passes, this.play.element, this.slider.element);
    const status = element("div", { role: "status" }, this.title);
    const listed = element("div", {}, status, element("div", region, this.table));
    const explored = element("div", { class: "explored" }, this.pictures, listed);
    const heading = element("h2", {}, "Step by step");
    this.element = element("section", { "aria-label": "Step by step" }, heading, controls, explored);
    this.take("whole");
  }

  /** Show another look, at the same step. */
  set(look) {
    this.look = look;
    this.shown = [...look.forward, ...look.backward].map((array) => {
      const isBackward = look.backward.includes(array);
      return { ...array, isBackward, picture: this.picture(array) };
    });
    this.pictures.replaceChildren(...this.shown.map(({ picture }) => picture.element));
    this.go(Math.min(this.t, look.steps - 1));
  }

  picture({ name, shape: [steps, units], values }) {
    const picture = new Picture({
      title: name,
      name: (unit, t) => `${name}, step ${t}, unit ${unit}`,
      onchoose: (unit, t) => this.go(t),
      columns: ["step", ...Array.from({ length: units }, (_, unit) => `unit ${unit}`)],
      rows: () => Array.from({ length: steps }, (_, t) => [String(t), ...this.at(values, units, t).map(String)]),
    });
    const turned = Float64Array.from(values, (_, k) => values[(k % steps) * units + Math.floor(k / steps)]);
    picture.set({ rows: units, columns: steps, values: turned, scale: signed(this.most(name)) });
    return picture;
  }

  /** The largest number of an array in any of the looks. */
  most(name) {
    const arrays = this.looks.flatMap((look) => [...look.forward, ...look.backward]);
    return Math.max(...arrays.filter((array) => array.name === name).map(({ values }) => largest(values)));
  }

  /** Stand at step t. */
  go(t) {
    this.t = t;
    const { steps, losses, units } = this.look;
    const loss = losses ? `, loss ${written(losses[t])}` : "";
    this.slider.set(t, steps - 1, `${t} of ${steps - 1}${loss}`);
    this.title.textContent = `Step ${t}${loss}`;
    for (const { isBackward, picture } of this.shown) {
      picture.map.stand(picture.map.row, t, picture.map.element.contains(document.activeElement));
      const [start, end] = this.seen(isBackward);
      picture.map.cover(start, end);
    }
    const columns = this.shown.map(({ values, shape }) => this.at(values, shape[1], t));
    const rows = Array.from(columns[0], (_, unit) => [String(unit), ...columns.map((column) => written(column[unit]))]);
    const more = columns[0].length < units ? [[`… ${units - columns[0].length}`]] : [];
    const body = element("tbody", {}, ...[...rows, ...more].map(rowOf));
    this.table.replaceChildren(headOf(["unit", ...this.shown.map(({ name }) => name)]), body);
  }

  /** The steps that the pass has come to: the forward pass to t, the backward pass from the end to t. */
  seen(isBackward) {
    if (this.pass === "forward") {
      return isBackward ? [0, 0] : [0, this.t + 1];
    }
    return this.pass === "backward" && isBackward ? [this.t, this.look.steps] : [0, this.look.steps];
  }

  take(pass) {
    this.pass = pass;
    this.passes.replaceChildren(choice("Pass", PASSES, pass, (chosen) => this.turn(chosen)));
  }

  turn(pass) {
    this.pass = pass;
    this.go(this.t);
  }

  tick() {
    const { steps } = this.look;
    if (this.pass === "whole") {
      this.take("forward");
    }
    const by = this.pass === "backward" ? -1 : 1;
    this.go((this.t + by + steps) % steps);
    const last = this.pass === "backward" ? 0 : steps - 1;
    return this.t === last ? null : PACE;
  }

  at(values, units, t) {
    return Array.from(values.subarray(t * units, (t + 1) * units));
  }
}
