/** Where the reader gives something of their own: a file that is dropped or chosen, or what is pasted. */

import { element } from "../interactive/elements.js";
import { uploaded } from "./server.js";
import { errorOf } from "./words.js";

const PASTED = {
  text: { words: "a text", file: (text) => new File([text], "pasted.txt") },
  series: { words: "numbers", file: (text, run) => new File([tableOf(text, run)], "pasted.csv") },
};

export class DropZone {
  /** onfile(id) follows what was given, with undefined when it is taken back; used tells that something is in use. */
  constructor({ accept, needed, run, used, onfile }) {
    Object.assign(this, { run, onfile });
    const input = element("input", { type: "file", accept, class: "unseen" });
    input.addEventListener("change", () => input.files.length > 0 && this.give(input.files[0]));
    this.told = element("span", { role: "status" }, used ? "Your own file is chosen." : "");
    const onclick = () => this.take();
    const back = needed ? "Take it back" : "Back to the run's own";
    this.back = element("button", { type: "button", hidden: !used, onclick }, back);
    const button = element("span", { class: "button" }, "Choose a file");
    const choose = element("label", { class: "choose" }, input, button, " or drop it here");
    this.element = element("div", { class: "drop" }, choose, ...this.pasted(), this.told, this.back);
    this.listen();
  }

  /** A place to paste a text or numbers, where a run takes such: they become a file like those of the run. */
  pasted() {
    const { words, file } = PASTED[this.run?.kind] ?? {};
    if (!file) {
      return [];
    }
    const about = { rows: 1, spellcheck: "false", "aria-label": words, placeholder: `or paste ${words} here` };
    const text = element("textarea", about);
    const use = () => text.value.trim() !== "" && this.give(file(text.value, this.run));
    return [element("div", { class: "written" }, text, element("button", { type: "button", onclick: use }, "Use it"))];
  }

  async give(file) {
    this.told.textContent = `Sending ${file.name} …`;
    try {
      const id = await uploaded(file);
      this.told.textContent = `Chosen: ${file.name}`;
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

/** Numbers that stand side by side as a column of the run's name for it; what has names of its own stays as it is. */
function tableOf(text, { config }) {
  const numbers = text.trim().split(/[\s,;]+/);
  const plain = numbers.every((number) => Number.isFinite(Number(number)));
  return plain && config.data.columns.length === 1 ? [config.data.columns[0], ...numbers, ""].join("\n") : text;
}
