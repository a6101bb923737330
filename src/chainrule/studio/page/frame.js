/**
 * A document of the server within the page, as high as it is. While the next one is made, the last one stays; the next
 * takes its place once it is there, so that nothing flickers while a slider moves.
 */

import { element } from "../interactive/elements.js";

const LOST = "The server does not answer.";
const LOWEST = 480; // pixels, of what is explored in a low window
const SOON = 150; // milliseconds after which it is said that one waits

export class Frame {
  /** onrestate(fragment) follows what the reader chooses in the document, which keeps it in its address. */
  constructor({ title, onrestate, signal }) {
    Object.assign(this, { title, onrestate, frame: null });
    this.words = element("span", { class: "note", role: "status" });
    this.place = element("div", { class: "frames" });
    this.element = element("div", { class: "frame" }, this.place);
    signal.addEventListener("abort", () => this.sizes?.disconnect());
  }

  /** Show the document at an address. */
  show(address) {
    this.next?.remove();
    clearTimeout(this.timer);
    const next = element("iframe", { src: address, title: this.title, class: "loading" });
    this.timer = setTimeout(() => this.wait(), SOON);
    next.addEventListener("load", () => this.take(next), { once: true });
    this.next = next;
    this.place.append(next);
  }

  wait() {
    this.words.textContent = "Computing …";
    this.element.setAttribute("aria-busy", "true");
  }

  take(next) {
    clearTimeout(this.timer);
    this.words.textContent = next.contentDocument ? "" : LOST; // of an error of the browser there is no document
    this.element.removeAttribute("aria-busy");
    this.frame?.remove();
    if (next.contentDocument) {
      this.fit(next);
      const { contentWindow } = next;
      contentWindow.addEventListener("restated", () => this.onrestate(contentWindow.location.hash.slice(1)));
    }
    next.classList.remove("loading");
    this.frame = next;
    this.next = null;
  }

  /**
   * Make the frame as high as its document, now and when that changes, so that the page scrolls and not the frame; but
   * one that is explored no higher than the window, since parts of it stay in sight while others scroll.
   */
  fit(frame) {
    const { body } = frame.contentDocument;
    const main = body.querySelector("main") ?? body;
    Object.assign(main.style, { minHeight: "0", margin: "0", paddingInline: "6px" }); // it stands in a page, not alone
    const explored = body.querySelector(".view") !== null;
    const measure = () => {
      const most = explored ? Math.max(LOWEST, innerHeight) : Infinity;
      frame.style.height = `${Math.min(most, Math.ceil(body.scrollHeight))}px`;
    };
    this.sizes?.disconnect();
    this.sizes = new ResizeObserver(measure);
    this.sizes.observe(main);
    measure();
  }
}
