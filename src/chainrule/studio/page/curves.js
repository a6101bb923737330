/**
 * How a fit goes, or how several went: charts of the losses, the horizon of gradients and more, over the same steps,
 * with one cursor.
 */

import { element } from "../interactive/elements.js";
import { CurveFigure } from "./curve_figure.js";

const SMOOTHING = { none: 0, light: 0.05, strong: 0.2 }; // shares of the records that a mean is of
const USUAL = "light"; // as in the figures of a run
const PRESSES = 200; // of an arrow key, from one end of the steps to the other
const FIGURES = [
  { title: "Loss", names: ["training", "validation", "alone"], levels: true },
  { title: "Horizon of the gradients", note: "steps back until 1 % is left", names: ["horizon"] },
  { title: "Norm of the gradient", names: ["gradient_norm"] },
  { title: "Speed", note: "steps of the data a second", names: ["per_second"] },
];

export class Curves {
  /** onstate({smoothing, log, from, to}) follows what the reader chooses; undefined is what is usual. */
  constructor({ state, onstate }) {
    Object.assign(this, { state: { ...state }, onstate, runs: [], whole: [0, 1], step: null });
    const on = { onstep: (step) => this.stand(step), onrange: (from, to) => this.zoom(from, to) };
    this.figures = FIGURES.map((figure) => new CurveFigure(figure, on));
    const charts = element("div", { class: "charts" }, ...this.figures.map((figure) => figure.element));
    this.element = element("div", { class: "curves" }, this.controls(), charts);
  }

  /** Show runs, {name, unit, curves, levels}, in this order. */
  set(runs) {
    this.runs = runs;
    const last = runs.flatMap(({ curves }) => Object.values(curves).map(({ step }) => step.at(-1) ?? 0));
    this.whole = [0, Math.max(1, ...last)];
    this.draw();
  }

  controls() {
    const chosen = this.state.smoothing ?? USUAL;
    const options = Object.keys(SMOOTHING).map((name) => element("option", { selected: name === chosen }, name));
    const smoothing = element("select", {}, ...options);
    smoothing.addEventListener("change", () => {
      this.change({ smoothing: smoothing.value === USUAL ? undefined : smoothing.value });
    });
    const log = element("input", { type: "checkbox", checked: this.state.log === "1" });
    log.addEventListener("change", () => this.change({ log: log.checked ? "1" : undefined }));
    const oninput = () => this.stand(this.scrubber.valueAsNumber);
    this.scrubber = element("input", { type: "range", oninput });
    this.words = element("span", { class: "words", "aria-hidden": "true" });
    const button = (label, onclick) => element("button", { type: "button", onclick }, label);
    this.all = button("All steps", () => this.zoom());
    const zoom = [button("Zoom in", () => this.closer(0.5)), button("Zoom out", () => this.closer(2)), this.all];
    const parts = [
      element("label", { class: "scrubber" }, "Step ", this.scrubber, this.words),
      element("div", { role: "group", "aria-label": "Zoom", class: "buttons" }, ...zoom),
      element("label", {}, "Smoothing ", smoothing),
      element("label", {}, log, " Logarithmic"),
    ];
    return element("div", { class: "controls" }, ...parts);
  }

  draw() {
    const range = this.range();
    const whole = this.isWhole();
    const share = SMOOTHING[this.state.smoothing] ?? SMOOTHING[USUAL];
    const logarithmic = this.state.log === "1";
    [this.scrubber.min, this.scrubber.max] = range;
    this.scrubber.step = Math.max(1, Math.round((range[1] - range[0]) / PRESSES));
    this.all.disabled = whole;
    this.figures.forEach((figure) => figure.set(this.runs, { share, range, whole, logarithmic }));
    this.stand(this.step);
  }

  /** Stand at a step, in all charts; at none with null. */
  stand(step) {
    const at = step ?? this.range()[1];
    this.step = step;
    this.figures.forEach((figure) => figure.stand(step));
    this.scrubber.value = at;
    this.words.textContent = Math.round(at).toLocaleString("en");
    this.scrubber.setAttribute("aria-valuetext", `step ${Math.round(at)}`);
  }

  isWhole() {
    return this.state.from === undefined && this.state.to === undefined;
  }

  /** The range of steps that is seen: what was chosen, as far as there are records. */
  range() {
    const [first, last] = this.whole;
    const low = Math.max(first, Number(this.state.from ?? first));
    const high = Math.min(last, Number(this.state.to ?? last));
    return low < high ? [low, high] : this.whole;
  }

  /** See so much of the steps, around where the reader stands. */
  closer(factor) {
    const [from, to] = this.range();
    const at = this.step ?? (from + to) / 2;
    const ends = [at - (at - from) * factor, at + (to - at) * factor];
    const all = ends[0] <= this.whole[0] && ends[1] >= this.whole[1];
    this.zoom(...(all ? [] : ends));
  }

  zoom(from, to) {
    const rounded = (step) => (step === undefined ? undefined : String(Math.max(0, Math.round(step))));
    this.change({ from: rounded(from), to: rounded(to) });
  }

  change(state) {
    Object.assign(this.state, state);
    this.onstate(this.state);
    this.draw();
  }
}
