// Runs: a results file of `pilotage solve --out`, opened in the browser. Nothing of it leaves the browser.

import { append, button, count, el, many, notice, say, seconds, short } from "./dom.js";
import { routeOf } from "./route.js";

const PAGE = 100;
const MOST_BYTES = 256 * 2 ** 20;
const SHOWN = { all: () => true, right: (run) => run.score === 1, wrong: (run) => run.score != null && run.score < 1,
  unverified: (run) => !run.verified, failed: (run) => Boolean(run.error) };

export class Runs {
  constructor(section) {
    this.section = section;
    this.runs = [];
    this.#draw();
  }

  open() {}

  focus() {
    this.heading.focus({ preventScroll: true });
  }

  #draw() {
    this.heading = el("h1", { tabindex: "-1" }, "Runs");
    this.file = el("input", { id: "file", type: "file", accept: ".jsonl,.ndjson,.json,application/json" });
    this.file.addEventListener("change", () => this.#read(this.file.files[0]));
    const drop = el("div", { class: "drop" },
      el("label", { for: "file" }, "Open a results file, or drop it here"), this.file,
      el("p", { class: "muted" }, "It is what ", el("code", {}, "pilotage solve --tasks … --out FILE"), " writes. It is read in this browser and sent nowhere."));
    this.section.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
    this.section.addEventListener("dragleave", () => drop.classList.remove("over"));
    this.section.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      this.#read(event.dataTransfer.files[0]);
    });
    this.sum = el("dl", { class: "numbers" });
    this.filter = el("select", { id: "runs-filter", on: { change: () => this.#list() } },
      Object.keys(SHOWN).map((name) => el("option", { value: name }, name)));
    this.rows = el("ul", { class: "rows" });
    this.more = button("Show more", () => this.#list(true), { class: "quiet" });
    this.detail = el("article", { class: "detail", "aria-label": "Run" });
    this.trouble = el("div", {});
    this.whole = el("div", { hidden: true }, this.sum, el("div", { class: "two" },
      el("div", { class: "list" }, el("div", { class: "filter" }, el("label", { for: "runs-filter" }, "Show"), this.filter), this.rows, this.more), this.detail));
    append(this.section, [this.heading, drop, this.trouble, this.whole]);
  }

  async #read(file) {
    if (!file) return;
    this.trouble.replaceChildren();
    this.detail.replaceChildren();
    this.section.classList.remove("chosen");
    try {
      if (file.size > MOST_BYTES) throw new Error(`it is larger than ${MOST_BYTES / 2 ** 20} MB; open a part of it`);
      const { runs, unread } = parse(await file.text());
      if (!runs.length) throw new Error("no line of it is a run");
      this.runs = runs;
      if (unread) this.trouble.append(notice(`${many(unread, "line")} of ${file.name} could not be read and ${unread === 1 ? "is" : "are"} left out.`));
    } catch (error) {
      this.whole.hidden = true;
      this.trouble.replaceChildren(notice(`${file.name} cannot be shown: ${error.message}.`, "error"));
      return;
    }
    this.whole.hidden = false;
    this.#summary();
    this.#list();
    say(`${many(this.runs.length, "run")} read`);
  }

  #summary() {
    const graded = this.runs.filter((run) => run.score != null);
    const mean = (of, runs = this.runs) => runs.reduce((sum, run) => sum + of(run), 0) / (runs.length || 1);
    const told = [["runs", count(this.runs.length)]];
    if (graded.length) told.push(["mean score", mean((run) => run.score, graded).toFixed(3)]);
    told.push(["verified", `${Math.round(100 * mean((run) => (run.verified ? 1 : 0)))}%`],
      ["mean tokens", count(Math.round(mean(tokens)))], ["mean time", seconds(mean((run) => run.seconds ?? 0))]);
    this.sum.replaceChildren(...told.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
  }

  #list(more = false) {
    const chosen = this.runs.filter(SHOWN[this.filter.value]);
    const from = more ? this.rows.children.length : 0;
    if (!more) this.rows.replaceChildren();
    append(this.rows, chosen.slice(from, from + PAGE).map((run) => this.#row(run)));
    if (!chosen.length) this.rows.append(el("li", { class: "muted" }, "No run is like this."));
    this.more.hidden = this.rows.children.length >= chosen.length;
  }

  #row(run) {
    const open = button("", () => this.#show(run, open), {});
    const grade = run.score == null ? "" : run.score === 1 ? "right" : run.score > 0 ? run.score.toFixed(2) : "wrong";
    append(open, [
      el("span", { class: "title" }, run.task_id ?? "run",
        grade ? el("span", { class: `mark ${run.score === 1 ? "good" : "bad"}` }, grade) : null),
      el("span", { class: "muted" }, `${(run.route ?? []).join(" → ") || "no route"} · ${count(tokens(run))} tokens`)]);
    return el("li", {}, open);
  }

  #show(run, from) {
    for (const one of this.rows.querySelectorAll("button")) one.removeAttribute("aria-current");
    from.setAttribute("aria-current", "true");
    this.section.classList.add("chosen");
    const heading = el("h2", { tabindex: "-1" }, run.task_id ?? "run");
    const back = button("← All runs", () => { this.section.classList.remove("chosen"); from.focus(); }, { class: "quiet back" });
    this.detail.replaceChildren();
    append(this.detail, [back, heading,
      el("p", { class: "muted" }, [run.model, `policy ${run.policy ?? "?"}`, `seed ${run.seed ?? 0}`].filter(Boolean).join(" · ")),
      run.error ? notice(run.error, "error") : null,
      el("h3", {}, "Answer"), el("p", { class: "answer", dir: "auto" }, run.answer == null ? "none" : short(run.answer, 5000)),
      routeOf(run).element]);
    heading.focus({ preventScroll: innerWidth > 800 });
    if (innerWidth <= 800) scrollTo({ top: 0 });
  }
}

const tokens = (run) => (run.usage?.prompt_tokens ?? 0) + (run.usage?.completion_tokens ?? 0);

/** The runs of a file: an object a line. What is no run is counted, and left out. */
function parse(text) {
  const runs = [];
  let unread = 0;
  for (const line of text.split("\n")) {
    if (!line.trim()) continue;
    try {
      const run = JSON.parse(line);
      if (isRun(run)) runs.push(run);
      else unread += 1;
    } catch {
      unread += 1;
    }
  }
  return { runs, unread };
}

function isRun(run) {
  return Boolean(run) && typeof run === "object" && "answer" in run && Array.isArray(run.steps)
    && run.steps.every((step) => step && typeof step.block === "string")
    && (run.score == null || typeof run.score === "number") && (run.seconds == null || typeof run.seconds === "number")
    && [run.route, run.recalled, run.withheld, run.learned, run.charges].every((list) => list == null || Array.isArray(list));
}
