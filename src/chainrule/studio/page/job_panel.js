/** A fit in progress: how far it is, what it says, and buttons that stop it and go on with it. */

import { element } from "../interactive/elements.js";
import { sent } from "./server.js";
import { errorOf, statusOf } from "./words.js";

const STATES = {
  running: "The fit is running.",
  stopping: "The fit ends, and saves what it has.",
  finished: "The fit has ended.",
  stopped: "The fit was stopped; what was saved is kept.",
};

const GOING = ["running", "stopping"];

export class JobPanel {
  constructor({ store, run, signal }) {
    Object.assign(this, { store, run });
    this.words = element("p", { role: "status" });
    this.bar = element("progress", { max: 1, "aria-label": "Progress of the fit" });
    const button = (words, act) => element("button", { type: "button", onclick: () => this.order(act) }, words);
    this.stop = button("Stop", () => this.stopped());
    this.resume = button("Go on with it", () => this.resumed());
    this.refused = element("div");
    this.log = element("pre", { tabindex: 0, role: "log", "aria-live": "off", "aria-label": "What the fit says" });
    this.command = element("code");
    this.details = element("details", {}, element("summary", {}, "Log"), this.command, this.log);
    const line = element("div", { class: "line" }, this.words, this.bar, this.stop, this.resume);
    this.element = element("div", { class: "job" }, line, this.refused, this.details);
    store.addEventListener("jobs", () => this.draw(), { signal });
    store.addEventListener("runs", () => this.draw(), { signal });
    this.draw();
  }

  draw() {
    const job = this.store.jobOf(this.run);
    const run = this.store.runs.get(this.run);
    const running = GOING.includes(job?.state);
    const stopped = run?.status === "stopped";
    this.element.hidden = job === undefined && !stopped;
    this.element.dataset.state = job?.state ?? "";
    this.words.textContent = job ? wordsOf(job) : "The fit did not end.";
    this.bar.hidden = !running;
    if (typeof run?.progress === "number") {
      this.bar.value = run.progress;
      this.bar.setAttribute("aria-valuetext", statusOf(run).textContent);
    } else {
      this.bar.removeAttribute("value");
    }
    this.stop.hidden = !running;
    this.stop.disabled = job?.state === "stopping";
    this.resume.hidden = running || !stopped;
    this.write(job);
  }

  /** The log, at its end unless the reader has scrolled up; open where it says why a fit failed. */
  write(job) {
    const { log } = this;
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    this.details.hidden = !job;
    this.command.textContent = job?.shell ?? "";
    log.textContent = (job?.log ?? []).join("\n");
    if (job?.state === "failed") {
      this.details.open = true;
    }
    if (atEnd) {
      log.scrollTop = log.scrollHeight;
    }
  }

  async order(act) {
    this.refused.replaceChildren();
    try {
      await act();
    } catch (error) {
      this.refused.replaceChildren(errorOf(error));
    }
  }

  async stopped() {
    await sent(`/api/jobs/${encodeURIComponent(this.store.jobOf(this.run).id)}/stop`);
  }

  async resumed() {
    this.store.add(await sent("/api/jobs", { command: "resume", run: this.run }));
  }
}

function wordsOf({ state, error }) {
  return state === "failed" ? `The fit failed: ${error ?? "its log says why."}` : STATES[state];
}
