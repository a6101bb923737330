/** A chart of some curves by name, of one run or of several, with a legend that tells values and a table behind. */

import { Behind, element } from "../interactive/elements.js";
import { written } from "../interactive/numbers.js";
import { nearest, pointsOf, smoothed } from "./curve.js";
import { LineChart } from "./line_chart.js";

const WORDS = { validation: "held out", alone: "held out, network alone", gradient_norm: "norm", per_second: "speed" };
const NOISY = ["training", "gradient_norm"]; // what is smoothed
const HELD = ["validation", "alone"]; // what may rise out of the chart
const BEYOND = "beyond what was looked at"; // of a horizon without a value

export class CurveFigure {
  /** onstep(step) and onrange(from, to) are the chart's. */
  constructor({ title, note = "", names, levels = false }, { onstep, onrange }) {
    Object.assign(this, { names, said: note, runs: [], range: [0, 1], hasLevels: levels });
    this.chart = new LineChart({ label: title, onstep, onrange });
    this.legend = element("div", { class: "legend" });
    this.note = element("small", {}, note);
    this.behind = new Behind(title, ["step", ...names.map(wordsOf)], () => this.rows());
    const caption = element("figcaption", {}, element("b", {}, title), " ", this.note, this.legend);
    this.element = element("figure", { hidden: true }, caption, this.chart.element, this.behind.element);
  }

  /** Show runs, {name, unit, curves, levels}, smoothed by means over a share of the records. */
  set(runs, { share, range, whole, logarithmic }) {
    Object.assign(this, { runs, range });
    const lines = runs.flatMap((run, n) => this.names.flatMap((name) => this.linesOf(run, n, name, share)));
    this.element.hidden = lines.every(({ x }) => x.length === 0);
    const levels = this.hasLevels && runs.length === 1 ? runs[0].levels : [];
    this.chart.set({ lines, levels, range, whole, logarithmic });
    const above = this.chart.heights.above.map(({ name, most }) => `${name} goes up to ${written(most)}, out of sight`);
    this.note.textContent = [this.hasLevels ? runs[0]?.unit : this.said, ...above].filter(Boolean).join("; ");
    this.chart.describe(this.clear().map(endOf).join("; "));
    this.behind.refresh();
  }

  /** Stand at a step, or at none with null; the legend tells the values there, or at the end. */
  stand(step) {
    this.chart.stand(step);
    this.legend.replaceChildren(...this.clear().map((line) => keyOf(line, step ?? this.range[1])));
  }

  /** The line of a curve; what is smoothed stands, pale, behind its mean. */
  linesOf(run, n, name, share) {
    const points = pointsOf(run.curves[name]);
    const words = this.runs.length > 1 ? `${run.name}, ${wordsOf(name)}` : wordsOf(name);
    const line = { name: words, kind: `${name} run-${n}`, held: HELD.includes(name), ...points };
    if (!NOISY.includes(name) || share === 0) {
      return [line];
    }
    return [{ ...line, kind: `raw ${line.kind}`, pale: true }, { ...line, ...smoothed(points, share) }];
  }

  /** The lines that are not pale. */
  clear() {
    return this.chart.lines.filter(({ pale }) => !pale);
  }

  /** A row for each step that is seen. */
  rows() {
    return this.runs.flatMap(({ name, curves }) => {
      const values = this.names.map((each) => valuesByStep(curves[each], this.range));
      const steps = [...new Set(values.flatMap((found) => [...found.keys()]))].sort((a, b) => a - b);
      return steps.map((step) => {
        const heading = this.runs.length > 1 ? `${name}, ${step}` : String(step);
        return [heading, ...values.map((found) => found.get(step) ?? "")];
      });
    });
  }
}

function wordsOf(name) {
  return WORDS[name] ?? name;
}

function valuesByStep({ step, value } = { step: [], value: [] }, [from, to]) {
  const kept = step.map((at, k) => [at, String(value[k] ?? BEYOND)]).filter(([at]) => at >= from && at <= to);
  return new Map(kept);
}

function endOf({ name, x, y }) {
  return `${name} ${valueOf(y.at(-1))} at step ${x.at(-1)}`;
}

function keyOf({ name, kind, x, y }, step) {
  return element("span", { class: `key ${kind}` }, `${name} `, element("b", {}, valueOf(y[nearest(x, step)])));
}

function valueOf(value) {
  return value === null ? BEYOND : written(value);
}
