/**
 * A view of a run, of two runs, or of none: the page of a result, in a frame, with controls for its parameters. The
 * frame's own address has them all, and is what the export saves.
 */

import { element } from "../interactive/elements.js";
import { queryOf } from "./address.js";
import { DropZone } from "./drop_zone.js";
import { fieldOf } from "./fields.js";
import { Frame } from "./frame.js";
import { inPath } from "./server.js";

const WAIT = 200; // milliseconds that a slider must rest
const EXPLORED = ["explored", "explored-2"]; // parameters of what the reader chose within the first and second document

export class ViewPanel {
  /** onstate(parameters) follows each change; fixed ones have no control. Without runs it is of the reader's own. */
  constructor({ view, runs, parameters, fixed = {}, onstate, signal }) {
    Object.assign(this, { view, runs, parameters: { ...parameters }, fixed, onstate });
    const shown = runs.length > 0 ? runs : [null];
    this.frames = shown.map((run, n) => {
      const onrestate = (fragment) => this.restate(EXPLORED[n], fragment);
      return new Framed({ view, run, named: runs.length > 1, onrestate, signal });
    });
    const pair = element("div", { class: "pair" }, ...this.frames.map((framed) => framed.element));
    this.element = element("div", {}, ...this.controls(), pair);
    this.show();
    signal.addEventListener("abort", () => clearTimeout(this.timer));
  }

  /** Controls that the server describes, the run's own choices first; what costs seconds waits for a button. */
  controls() {
    const choices = this.runs[0]?.choices ?? {};
    const own = this.view.parameters.map((field) => ({ ...field, choices: choices[field.name] ?? field.choices }));
    const parts = [...this.checkpoints(), ...own].map((field) => {
      return fieldOf(field, this.parameters[field.name], (value, settled) => this.change(field.name, value, settled));
    });
    if (this.view.upload) {
      const onfile = (id) => this.change("upload", id);
      const given = { ...this.view.upload, run: this.runs[0], used: this.parameters.upload };
      parts.push(new DropZone({ ...given, onfile }).element);
    }
    if (this.view.live === false && parts.length > 0) {
      parts.push(element("button", { type: "button", class: "primary", onclick: () => this.show() }, "Show"));
    }
    const about = { class: "controls", role: "group", "aria-label": "Parameters" };
    return parts.length > 0 ? [element("div", about, ...parts)] : [];
  }

  /** A slider over the weights that were kept, where there are several. */
  checkpoints() {
    const kept = this.view.checkpoints ? this.runs[0]?.choices?.checkpoint ?? [] : [];
    const choices = [{ value: "", label: "as scored" }, ...kept.map((name) => ({ value: name, label: name }))];
    return kept.length > 1 ? [{ name: "checkpoint", label: "Checkpoint", type: "choice", choices }] : [];
  }

  change(name, value, settled = true) {
    this.parameters[name] = value;
    this.onstate(this.parameters);
    clearTimeout(this.timer);
    if (this.view.live !== false || name === "upload") {
      this.timer = setTimeout(() => this.show(), settled ? 0 : WAIT);
    }
  }

  /** Keep what was chosen within a document in the address of this page too. */
  restate(name, fragment) {
    this.parameters[name] = fragment || undefined;
    this.onstate(this.parameters);
  }

  show() {
    const explored = EXPLORED.map((name) => this.parameters[name]);
    const within = Object.fromEntries(EXPLORED.map((name) => [name, undefined]));
    if (this.view.upload?.needed && !this.parameters.upload) {
      this.frames.forEach((framed) => framed.invite());
      return;
    }
    this.frames.forEach((framed, n) => framed.show({ ...this.parameters, ...this.fixed, ...within }, explored[n]));
  }
}

/** The document of one run, with links to it. */
class Framed {
  constructor({ view, run, named, onrestate, signal }) {
    Object.assign(this, { view, run });
    const follow = (fragment) => {
      this.alone.hash = fragment;
      onrestate(fragment);
    };
    this.frame = new Frame({ title: run ? `${view.title}, ${run.name}` : view.title, onrestate: follow, signal });
    this.alone = element("a", { target: "_blank", rel: "noopener" }, "Open alone");
    this.save = element("a", { download: "" }, "Export as a file");
    const name = named ? [element("h2", {}, run.name)] : [];
    const links = element("div", { class: "bar" }, ...name, this.frame.words, this.alone, this.save);
    this.invitation = element("p", { class: "note empty", hidden: true }, "Choose a file above, or drop it there.");
    this.shown = element("div", {}, links, this.frame.element);
    this.element = element("div", {}, this.invitation, this.shown);
  }

  /** Ask for a file, without which there is nothing to show. */
  invite() {
    this.invitation.hidden = false;
    this.shown.hidden = true;
  }

  /** Show the document with these parameters, and what was chosen within it, as the fragment of its address has it. */
  show(parameters, explored = "") {
    this.invitation.hidden = true;
    this.shown.hidden = false;
    const query = queryOf({ view: this.view.name, ...parameters });
    const within = this.run ? `/${inPath(this.run.name)}` : "";
    const address = `/view${within}?${query}`;
    const fragment = explored && `#${explored}`;
    this.save.href = `${address}&download=1`;
    this.alone.href = address + fragment;
    this.frame.show(address + fragment);
  }
}
