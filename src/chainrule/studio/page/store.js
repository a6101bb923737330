/**
 * The runs and jobs as the server last told of them, kept up by its one stream of events.
 *
 * Who shows them listens: "runs" and "jobs" follow a change, "metrics" brings new records of the run that is followed,
 * "connection" follows the loss of the stream and its return.
 */

import { got } from "./server.js";

const AGAIN = 2000; // milliseconds until a lost stream is opened anew
const KEPT = 1000; // lines of a job's log

export class Store extends EventTarget {
  constructor() {
    super();
    Object.assign(this, { folder: "", runs: new Map(), jobs: new Map(), followed: [], connected: true });
  }

  /** Listen from now on, unless a room that follows a run has begun to. */
  open() {
    if (!this.stream) {
      this.listen();
    }
    document.addEventListener("visibilitychange", () => this.listen());
  }

  /** Ask for everything. */
  async load() {
    const [{ folder, runs }, jobs] = await Promise.all([got("/api/runs"), got("/api/jobs")]);
    this.folder = folder;
    this.runs = new Map(runs.map((run) => [run.name, run]));
    this.jobs = new Map([...jobs].reverse().map((job) => [job.id, job])); // the server names the newest first
    this.tell("runs");
    this.tell("jobs");
  }

  /** Have the records of these runs told, too: first all, then those that come. */
  follow(names) {
    this.followed = names;
    this.listen();
  }

  /** The latest job that writes into a run's folder. */
  jobOf(run) {
    return [...this.jobs.values()].reverse().find((job) => job.run === run);
  }

  /** A job that was just ordered, which the stream has not told of yet. */
  add(job) {
    this.jobs.set(job.id, { ...job, ...this.jobs.get(job.id) });
    this.tell("jobs");
  }

  /** Open the stream anew; none while the page is out of sight, as a browser keeps but six to one server. */
  listen() {
    this.stream?.close();
    if (document.hidden) {
      return;
    }
    const query = new URLSearchParams(this.followed.map((name) => ["run", name]));
    const stream = new EventSource(`/api/events?${query}`);
    const on = (name, act) => stream.addEventListener(name, (event) => act(JSON.parse(event.data)));
    on("runs", (told) => this.changed(told));
    on("job", (told) => this.logged(told));
    on("metrics", (told) => this.tell("metrics", told));
    stream.onopen = () => this.opened();
    stream.onerror = () => this.lost(stream);
    this.stream = stream;
  }

  /** What changed while nothing was told is asked for. */
  opened() {
    this.connect(true);
    this.load().catch(() => this.connect(false));
  }

  lost(stream) {
    stream.close();
    this.connect(false);
    this.followed = this.followed.filter((name) => this.runs.has(name)); // one that is gone would be refused
    setTimeout(() => {
      if (this.stream === stream) {
        this.listen();
      }
    }, AGAIN);
  }

  connect(connected) {
    if (connected !== this.connected) {
      this.connected = connected;
      this.tell("connection");
    }
  }

  changed({ runs = [], gone = [] }) {
    runs.forEach((run) => this.runs.set(run.name, run));
    gone.forEach((name) => this.runs.delete(name));
    this.tell("runs");
  }

  logged({ line, ...told }) {
    const job = this.jobs.get(told.id) ?? { log: [] };
    const log = typeof line === "string" ? [...job.log, line].slice(-KEPT) : job.log;
    this.jobs.set(told.id, { ...job, ...told, log });
    this.tell("jobs");
  }

  tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
