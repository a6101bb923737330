/** What the reader moves: a slider with buttons beside it, and a button that plays. */

import { element } from "./elements.js";

/** A slider with its value in words, and buttons for one step back and forward; onmove(value) follows each move. */
export class Slider {
  constructor(label, onmove) {
    this.onmove = onmove;
    this.range = element("input", { type: "range", min: 0, oninput: () => onmove(Number(this.range.value)) });
    this.words = element("span", { class: "words", "aria-hidden": "true" });
    this.back = element("button", { type: "button", onclick: () => this.step(-1) }, "‹");
    this.forward = element("button", { type: "button", onclick: () => this.step(1) }, "›");
    this.back.setAttribute("aria-label", `${label}: back`);
    this.forward.setAttribute("aria-label", `${label}: forward`);
    const labelled = element("label", {}, element("span", {}, label), this.range);
    this.element = element("div", { class: "slider" }, this.back, labelled, this.forward, this.words);
  }

  /** Stand at a value of 0 to most, which words describe. */
  set(value, most, words) {
    this.range.max = most;
    this.range.value = value;
    this.range.setAttribute("aria-valuetext", words);
    this.words.textContent = words;
    this.back.disabled = value <= 0;
    this.forward.disabled = value >= most;
  }

  step(by) {
    this.onmove(Number(this.range.value) + by);
  }
}

/** A button that calls tick() again and again, which returns the milliseconds until the next call, or null to stop. */
export class PlayButton {
  constructor(label, tick) {
    Object.assign(this, { label, tick, timer: null });
    this.element = element("button", { type: "button", class: "play", onclick: () => this.toggle() });
    this.stop();
  }

  get playing() {
    return this.timer !== null;
  }

  toggle() {
    if (this.playing) {
      this.stop();
    } else {
      this.element.textContent = `❚❚ Pause`;
      this.next();
    }
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
    this.element.textContent = `▶ ${this.label}`;
  }

  next() {
    const wait = this.element.isConnected ? this.tick() : null; // else the page has gone on to another address
    if (wait === null) {
      this.stop();
    } else {
      this.timer = setTimeout(() => this.next(), wait);
    }
  }
}
