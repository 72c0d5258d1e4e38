// The route of a run as a growing path: memory, each block with why, what it found and what it cost, what was learnt.

import { append, count, el, many, seconds, short } from "./dom.js";

const LONGEST = 20_000; // characters of a block's text that are drawn

const VERDICTS = {
  ok: ["program ran", "good"], failed: ["program failed", "bad"], refused: ["program refused", "bad"],
  agrees: ["agrees with what was found before", "good"], disagrees: ["disagrees with what was found before", "bad"],
};

export class Route {
  /** `live`: the path grows while the run goes on. `toConcept(id)`: gives the address of a concept; null for none. */
  constructor({ live = false, toConcept = (id) => `#concepts/${encodeURIComponent(id)}` } = {}) {
    this.toConcept = toConcept;
    this.blocks = [];
    this.tokens = 0;
    this.seconds = 0;
    this.path = el("ol", { class: "path" });
    this.heading = el("span", { class: "summary" });
    this.element = el("details", { class: live ? "route live" : "route", open: true, hidden: live },
      el("summary", {}, this.heading), this.path);
    this.pending = null;
    this.#sum();
  }

  /** Draws an event of a stream; gives what to tell those who listen. */
  add(event) {
    if (event.event === "recalled") return this.recalled(event.concepts ?? [], event.withheld ?? []);
    if (event.event === "chosen") return this.chosen(event.block, event.why);
    if (event.event === "wrote") return this.wrote(event.text);
    if (event.event === "stepped") return this.stepped(event.step);
    if (event.event === "learned") return this.learned(event.concepts ?? []);
    if (event.event === "finished") return this.finished(event.run);
    return "";
  }

  recalled(concepts, withheld = []) {
    const all = concepts.length ? concepts : withheld;
    if (!all.length) return "";
    const why = concepts.length ? `${many(all.length, "concept")} like the question` : "held back, to measure what memory is worth";
    this.#node("memory", why, [this.#concepts(all)], "kind-memory");
    return `Memory: ${all.map((one) => one.title).join(", ")}`;
  }

  chosen(block, why) {
    this.close();
    this.why = why;
    this.live = el("p", { class: "writing", "aria-hidden": "true" });
    this.pending = this.#node(block, why, [this.live], "pending");
    this.written = "";
    return block === "answer" ? "" : `${block}: ${why}`;
  }

  wrote(text) {
    if (!this.pending) return "";
    this.written = (this.written + text).slice(-400);
    this.live.textContent = this.written.replaceAll(/\s+/g, " ").trimStart();
    return "";
  }

  stepped(step) {
    const why = this.pending?.why ?? "";
    this.pending?.node.remove();
    this.pending = null;
    const tokens = (step.usage?.prompt_tokens ?? 0) + (step.usage?.completion_tokens ?? 0);
    const about = step.usage?.estimated_calls ? "~" : "";
    this.blocks.push(step.block);
    this.tokens += tokens;
    this.seconds += step.seconds ?? 0;
    this.#node(step.block, why, this.#outcome(step), "done", `${about}${count(tokens)} tokens · ${seconds(step.seconds)}`);
    this.#sum();
    if (step.block === "answer") return "";
    return step.candidate != null ? `${step.block} came to ${short(step.candidate, 100)}` : `${step.block} is done`;
  }

  /** A cost outside of the blocks. */
  charged(by, tokens) {
    if (tokens) this.#node(by, "beside the blocks", [], "done", `${count(tokens)} tokens`);
  }

  learned(concepts) {
    if (!concepts.length) return "";
    this.#node("learnt", "kept for questions like this one", [this.#concepts(concepts)], "kind-memory");
    return `Learnt: ${concepts.map((one) => one.title).join(", ")}`;
  }

  finished(run) {
    this.run = run;
    // A reply that nothing was worked out for has one line to say, and it stands in the summary.
    if (this.path.children.length === 1 && this.blocks[0] === "answer" && this.why) this.element.open = false;
    if (run.usage) this.tokens = run.usage.prompt_tokens + run.usage.completion_tokens;
    if (run.seconds) this.seconds = run.seconds;
    const limit = run.stopped_by && run.stopped_by !== "answer" ? `ended by its limit ${run.stopped_by}` : "";
    if (limit) this.#node("limit", limit, [], "done");
    this.close();
    return "";
  }

  /** No more is to come. */
  close() {
    this.element.classList.remove("live");
    this.pending?.node.remove();
    this.pending = null;
    this.#sum();
  }

  #node(name, why, parts, kind, cost = "") {
    this.element.hidden = false;
    const node = el("li", { class: `node ${kind}` },
      el("div", { class: "head" }, el("b", {}, name), el("span", { class: "why" }, why), el("span", { class: "cost" }, cost)),
      parts);
    this.path.append(node);
    return { node, why };
  }

  #outcome(step) {
    const evidence = step.evidence ?? {};
    const marks = [evidence.program, evidence.verdict].filter((mark) => VERDICTS[mark])
      .map((mark) => el("span", { class: `mark ${VERDICTS[mark][1]}` }, VERDICTS[mark][0]));
    if (evidence.examples_passed != null) {
      marks.push(el("span", { class: "mark" }, `${Math.round(evidence.examples_passed * 100)}% of the examples pass`));
    }
    const said = [evidence.error, evidence.note].filter(Boolean);
    const hints = step.hints?.length ? this.#concepts(step.hints) : null;
    const isReply = step.block === "answer";
    return [
      step.candidate != null && !isReply ? el("p", { class: "candidate", dir: "auto" }, short(step.candidate, 300)) : null,
      marks.length ? el("p", { class: "marks" }, marks) : null,
      said.map((text) => el("p", { class: "muted" }, short(text, 500))),
      hints,
      isReply ? null : this.#work(step),
    ];
  }

  #work(step) {
    const parts = [["program", step.program], ["output", step.result], ["text", step.text]].filter(([, text]) => text?.trim());
    if (!parts.length) return null;
    const work = el("details", { class: "work" }, el("summary", {}, `show ${parts.map(([name]) => name).join(", ")}`));
    // What is not looked at is not laid out.
    work.addEventListener("toggle", () => append(work, parts.map(([name, text]) =>
      el("pre", { tabindex: "0", "aria-label": name }, el("code", {}, short(text, LONGEST))))), { once: true });
    return work;
  }

  #concepts(concepts) {
    return el("ul", { class: "recalled" }, concepts.map((one) => {
      const to = this.toConcept(one.concept_id);
      const title = to ? el("a", { href: to }, one.title) : one.title;
      const like = one.similarity != null ? `similarity ${Number(one.similarity).toFixed(2)}` : "";
      const helps = one.posterior != null ? `${Math.round(one.posterior * 100)}% likely to help` : "";
      return el("li", {}, title, el("span", { class: "muted" }, ` ${[like, helps].filter(Boolean).join(" · ")}`));
    }));
  }

  #sum() {
    const straight = this.blocks.length === 1 && this.blocks[0] === "answer" && this.why;
    const verified = this.run?.verified ? el("span", { class: "mark good" }, "verified") : null;
    const way = this.blocks.map((block, place) => [place ? el("i", { "aria-hidden": "true" }, "→") : null, el("span", {}, block)]);
    const cost = this.blocks.length ? `${count(this.tokens)} tokens · ${seconds(this.seconds)}` : "";
    this.heading.replaceChildren();
    append(this.heading, [el("span", { class: "way" }, way.length ? way : "the route"),
      straight ? el("span", { class: "why" }, this.why) : null, verified, el("span", { class: "cost" }, cost)]);
  }
}

/** The route of a run as `pilotage solve --json` prints it. */
export function routeOf(run) {
  const route = new Route({ toConcept: () => null });
  const titles = (ids) => (ids ?? []).map((id) => ({ concept_id: id, title: id }));
  route.recalled(titles(run.recalled), titles(run.withheld));
  for (const step of run.steps ?? []) route.stepped(step);
  for (const charge of run.charges ?? []) {
    const tokens = (charge.usage?.prompt_tokens ?? 0) + (charge.usage?.completion_tokens ?? 0);
    route.charged(charge.by, tokens);
  }
  route.learned(titles(run.learned));
  route.finished(run);
  return route;
}
