/** Where the reader gives something of their own: a file that is dropped or chosen, or numbers that are written. */

import { element } from "../interactive/elements.js";
import { uploaded } from "./server.js";
import { errorOf } from "./words.js";

export class DropZone {
  /** onfile(id) follows what was given, with undefined when it is taken back; used tells that something is in use. */
  constructor({ accept, used, onfile }) {
    Object.assign(this, { onfile });
    const input = element("input", { type: "file", accept, class: "unseen" });
    input.addEventListener("change", () => input.files.length > 0 && this.give(input.files[0]));
    this.told = element("span", { role: "status" }, used ? "Your own is shown." : "");
    this.back = element("button", { type: "button", hidden: !used, onclick: () => this.take() }, "Back to the run's own");
    const choose = element("label", { class: "choose" }, input, element("span", { class: "button" }, "Choose a file"), " or drop it here");
    this.element = element("div", { class: "drop" }, choose, ...this.numbers(accept), this.told, this.back);
    this.listen();
  }

  /** A place to write numbers, where such are taken: they become a file. */
  numbers(accept) {
    if (!/csv|txt/.test(accept)) {
      return [];
    }
    const text = element("textarea", { rows: 2, spellcheck: "false", "aria-label": "Numbers", placeholder: "or paste numbers: 1, 0, -1, 2, 4" });
    const use = () => text.value.trim() && this.give(new File([text.value], "numbers.csv", { type: "text/csv" }));
    return [element("div", { class: "written" }, text, element("button", { type: "button", onclick: use }, "Use them"))];
  }

  async give(file) {
    this.told.textContent = `Sending ${file.name} …`;
    try {
      const id = await uploaded(file);
      this.told.textContent = `${file.name} is shown.`;
      this.back.hidden = false;
      this.onfile(id);
    } catch (error) {
      this.told.replaceChildren(errorOf(error));
    }
  }

  take() {
    this.told.textContent = "";
    this.back.hidden = true;
    this.onfile(undefined);
  }

  listen() {
    const over = (state) => (event) => {
      event.preventDefault(); // else the browser opens the file
      this.element.classList.toggle("over", state);
    };
    this.element.addEventListener("dragover", over(true));
    this.element.addEventListener("dragleave", over(false));
    this.element.addEventListener("drop", (event) => {
      over(false)(event);
      const [file] = event.dataTransfer.files;
      if (file) {
        this.give(file);
      }
    });
  }
}
