/** What is lost of the gradient if the state is detached every k steps: a slider over each k that Python computed. */

import { Chart } from "./chart.js";
import { Slider } from "./controls.js";
import { Behind, element } from "./elements.js";
import { written } from "./numbers.js";

export class TruncationPanel {
  /** onmove(k) follows the slider. */
  constructor(onmove) {
    Object.assign(this, { onmove, at: Infinity, moved: false });
    this.slider = new Slider("Detach every k steps", (at) => this.go(at));
    this.chart = new Chart("Share of the gradient lost, and cosine, by the steps between detaching");
    const names = [["line-0", "lost, share of the norm"], ["line-1", "cosine with the whole gradient"]];
    const legend = names.map(([name, words]) => element("span", { class: name }, words));
    this.behind = new Behind("Truncation", ["k", "lost", "cosine", "|gradient|"], () => this.rows());
    const caption = element("figcaption", {}, ...legend);
    const figure = element("figure", {}, caption, this.chart.element, this.behind.element);
    this.words = element("p", { role: "status" });
    const heading = element("h2", {}, "Truncated backpropagation");
    const controls = element("div", { class: "controls" }, this.slider.element);
    this.element = element("section", { "aria-label": heading.textContent }, heading, controls, this.words, figure);
  }

  /** Show another look; null where the layer cannot be run in chunks. */
  set(look) {
    this.look = look;
    this.element.toggleAttribute("hidden", !look.truncation);
    if (look.truncation) {
      this.truncation = look.truncation;
      const { chunks, lost, cosine } = look.truncation;
      this.chart.set(chunks, [{ values: lost }, { values: cosine }]);
      this.behind.refresh();
      this.stand(Math.min(this.at, chunks.length - 1));
      if (this.moved) {
        this.onmove(chunks[this.at]);
      }
    }
  }

  /** What the address keeps: k. */
  state() {
    return { k: this.moved ? this.truncation.chunks[this.at] : undefined };
  }

  restore(address) {
    const at = this.look.truncation ? this.truncation.chunks.findIndex((k) => String(k) === address.text("k")) : -1;
    if (at >= 0) {
      this.go(at);
    }
  }

  go(at) {
    this.moved = true;
    this.stand(at);
    this.onmove(this.truncation.chunks[at]);
  }

  stand(at) {
    this.at = at;
    const { chunks, lost, cosine, norms, full } = this.truncation;
    const k = chunks[at];
    this.slider.set(at, chunks.length - 1, `k = ${k}`);
    this.chart.mark(k);
    const share = `${written(100 * lost[at])} % of the norm is lost`;
    const sizes = `|gradient| ${written(norms[at])} instead of ${written(full)}`;
    this.words.textContent = `k = ${k}: ${share}, cosine ${written(cosine[at])}, ${sizes}.`;
  }

  rows() {
    const { chunks, lost, cosine, norms } = this.truncation;
    return chunks.map((k, n) => [String(k), String(lost[n]), String(cosine[n]), String(norms[n])]);
  }
}
