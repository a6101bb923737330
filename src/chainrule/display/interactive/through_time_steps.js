/** The steps of a sequence, played forward and back: states and gates as they are made, gradients as they come back. */

import { signed } from "./colours.js";
import { PlayButton, Slider } from "./controls.js";
import { choice, element, headOf, rowOf } from "./elements.js";
import { largest, written } from "./numbers.js";
import { Picture } from "./picture.js";

const PACE = 350; // milliseconds a step
const PASSES = [["whole", "whole"], ["forward", "forward, up to t"], ["backward", "backward, down to t"]];

export class StepsPanel {
  /**
   * looks share the scales of their colours; each array of one is a Shape, made and moved as a Picture is. onmove()
   * follows each move.
   */
  constructor(looks, { onmove, notation, Shape = Picture }) {
    Object.assign(this, { looks, onmove, notation, Shape, pass: "whole", t: 0, unit: 0 });
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

  /** Show another look, at the same step and unit. */
  set(look) {
    this.look = look;
    this.shown = [...look.forward, ...look.backward].map((array) => {
      const isBackward = look.backward.includes(array);
      return { ...array, isBackward, picture: this.picture(array) };
    });
    this.pictures.replaceChildren(...this.shown.map(({ picture }) => picture.element));
    this.go(Math.min(this.t, look.steps - 1));
  }

  picture(array) {
    const { name, shape, values } = array;
    const [steps, units] = shape;
    const { notation } = this;
    const numbers = (count) => Array.from({ length: count }, (_, place) => String(notation.number(place)));
    const picture = new this.Shape({
      title: name,
      name: (unit, t) => `${name}, step ${notation.number(t)}, unit ${notation.number(unit)}`,
      onchoose: (unit, t) => this.go(t, unit),
      columns: ["step", ...numbers(units).map((unit) => `unit ${unit}`)],
      rows: () => numbers(steps).map((step, t) => [step, ...this.at(array, t).map(String)]),
      heads: numbers(steps),
    });
    const turned = Float64Array.from(values, (_, k) => values[(k % steps) * units + Math.floor(k / steps)]);
    picture.set({ rows: units, columns: steps, values: turned, scale: signed(this.most(array)) });
    return picture;
  }

  /** The largest number in any of the looks of an array, or of those that share its scale. */
  most(shown) {
    const scaleOf = ({ name, scale }) => scale ?? name;
    const arrays = this.looks.flatMap((look) => [...look.forward, ...look.backward]);
    const alike = arrays.filter((array) => scaleOf(array) === scaleOf(shown));
    return Math.max(...alike.map(({ values }) => largest(values)));
  }

  /** What the address keeps. */
  state() {
    const { t, unit, pass } = this;
    return { t: t || undefined, unit: unit || undefined, pass: pass === "whole" ? undefined : pass };
  }

  restore(address) {
    const pass = address.text("pass");
    this.take(PASSES.some(([name]) => name === pass) ? pass : "whole");
    this.go(address.number("t", this.look.steps, 0), address.number("unit", this.unitsShown(), 0));
  }

  /** The most units that an array has. */
  unitsShown() {
    return Math.max(...this.shown.map(({ shape: [, units] }) => units));
  }

  /** Stand at step t, by default at the same unit. */
  go(t, unit = this.unit) {
    this.t = t;
    this.unit = Math.min(unit, this.unitsShown() - 1);
    const { steps, losses, units } = this.look;
    const loss = losses ? `, loss ${written(losses[t])}` : "";
    const step = this.notation.number(t);
    this.slider.set(t, steps - 1, `${step} of ${this.notation.number(steps - 1)}${loss}`);
    this.title.textContent = `Step ${step}${loss}`;
    for (const { isBackward, picture } of this.shown) {
      picture.to(this.unit, t);
      picture.cover(...this.seen(isBackward));
    }
    const columns = this.shown.map((array) => this.at(array, t).map((value) => written(value)));
    const count = Math.max(...columns.map((column) => column.length));
    const rows = Array.from({ length: count }, (_, unit) => {
      return [String(this.notation.number(unit)), ...columns.map((column) => column[unit] ?? "")];
    });
    const more = count < units ? [[`… ${units - count}`]] : [];
    const body = element("tbody", {}, ...[...rows, ...more].map(rowOf));
    this.table.replaceChildren(headOf(["unit", ...this.shown.map(({ name }) => name)]), body);
    this.onmove();
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

  /** The units of an array at a step. */
  at({ values, shape: [, units] }, t) {
    return Array.from(values.subarray(t * units, (t + 1) * units));
  }
}
