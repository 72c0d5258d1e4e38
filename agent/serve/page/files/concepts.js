// Concepts: what the memory knows, where it came from and what became of it; to be mended, undone and forgotten.

import { json } from "./api.js";
import { append, button, count, el, many, notice, say, short } from "./dom.js";

const PAGE = 30;
const STATUSES = ["", "provisional", "trusted", "retired"];
const FIELDS = [ // of the form: name, label, whether it is a list with a line for each item, rows
  ["title", "Title", false, 1], ["description", "Description", false, 3],
  ["cues", "Applies when (one a line)", true, 3], ["implementation", "What to do (one step a line)", true, 6],
];

export class Concepts {
  constructor(section) {
    this.section = section;
    this.found = [];
    this.asked = 0; // numbers requests, so that a late reply to an old question is not drawn
    this.#draw();
  }

  #draw() {
    this.query = el("input", { id: "query", type: "search", placeholder: "Search", autocomplete: "off" });
    this.query.addEventListener("input", () => {
      clearTimeout(this.soon);
      this.soon = setTimeout(() => this.#list(), 300);
    });
    this.status = el("select", { id: "concept-status", on: { change: () => this.#list() } },
      STATUSES.map((status) => el("option", { value: status }, status || "all in use")));
    this.trouble = el("div", {});
    this.rows = el("ul", { class: "rows" });
    this.more = button("Show more", () => this.#list(this.found.length), { class: "quiet", hidden: true });
    this.list = el("div", { class: "list" },
      el("form", { class: "filter", role: "search", on: { submit: (event) => { event.preventDefault(); this.#list(); } } },
        el("label", { for: "query", class: "unseen" }, "Search concepts"), this.query,
        el("label", { for: "concept-status", class: "unseen" }, "Status"), this.status),
      this.rows, this.more);
    this.detail = el("article", { class: "detail", "aria-label": "Concept" });
    this.heading = el("h1", { tabindex: "-1" }, "Concepts");
    append(this.section, [this.heading,
      el("p", { class: "muted" }, "Short pieces of reasoning that solved questions taught, and that later ones are shown."),
      this.trouble, el("div", { class: "two" }, this.list, this.detail)]);
  }

  open(id) {
    this.section.classList.toggle("chosen", Boolean(id));
    this.id = id;
    if (!this.found.length) this.#list(0, Boolean(id));
    this.#mark();
    if (id) this.#show(id);
    else this.detail.replaceChildren();
  }

  focus() {
    if (!this.id) this.heading.focus({ preventScroll: true });
  }

  async #list(offset = 0, quiet = false) {
    const asked = ++this.asked;
    const query = new URLSearchParams({ limit: PAGE, offset });
    if (this.query.value.trim()) query.set("query", this.query.value.trim());
    if (this.status.value) query.set("status", this.status.value);
    try {
      const page = await json(`v1/concepts?${query}`);
      if (asked !== this.asked) return;
      const data = page.data ?? page.concepts ?? [];
      this.found = offset ? [...this.found, ...data] : data;
      this.trouble.replaceChildren();
      this.list.hidden = false;
      this.rows.replaceChildren(...this.found.map((one) => this.#row(one)));
      this.more.hidden = !(page.has_more ?? (page.total != null ? this.found.length < page.total : data.length === PAGE));
      if (!this.found.length) {
        const words = this.query.value.trim() ? "No concept is like this." : "Nothing has been learnt yet: solved questions teach concepts.";
        this.rows.append(el("li", { class: "muted" }, words));
      }
      this.#mark();
      if (!quiet) say(many(this.found.length, "concept"));
    } catch (error) {
      if (asked !== this.asked) return;
      this.list.hidden = error.status === 404 || error.status === 403 || error.status === 401;
      this.trouble.replaceChildren(notice(sentence(error), this.list.hidden ? "" : "error"));
    }
  }

  #row(one) {
    const outcomes = one.outcomes ?? {};
    return el("li", {}, el("a", { href: to(one.id), "data-id": one.id },
      el("span", { class: "title" }, one.title),
      el("span", { class: "muted" }, [one.kind, one.status, outcomes.recalled ? `recalled ${count(outcomes.recalled)}×` : ""].filter(Boolean).join(" · "))));
  }

  #mark() {
    for (const link of this.rows.querySelectorAll("a")) {
      if (link.dataset.id === this.id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  async #show(id, words = "") {
    try {
      const [got, past] = await Promise.all([json(path(id)), json(`${path(id)}/history`)]);
      if (id !== this.id) return;
      this.#concept(got.concept ?? got, past.data ?? past.events ?? []);
      if (words) say(words);
    } catch (error) {
      if (id !== this.id) return;
      this.detail.replaceChildren(this.#back(), notice(sentence(error), "error"));
    }
  }

  #back() {
    return el("a", { class: "back", href: "#concepts" }, "← All concepts");
  }

  #concept(one, events) {
    const heading = el("h2", { tabindex: "-1" }, one.title);
    this.fault = el("div", {});
    this.detail.replaceChildren();
    append(this.detail, [
      this.#back(), heading,
      el("p", { class: "marks" }, el("span", { class: "mark" }, one.kind), one.pitfall ? el("span", { class: "mark bad" }, "pitfall") : null,
        el("span", { class: `mark ${one.status === "trusted" ? "good" : one.status === "retired" ? "bad" : ""}` }, one.status),
        el("span", { class: "muted" }, `version ${one.version ?? 1}`)),
      one.description ? el("p", { dir: "auto" }, one.description) : null,
      part("Applies when", one.cues, "ul"), part("What to do", one.implementation, "ol"),
      part("What varies", (one.parameters ?? []).map(({ name, typing, description }) => [typing ? `${name}: ${typing}` : name, description].filter(Boolean).join(", ")), "ul"),
      record(one.outcomes), origin(one.provenance),
      el("div", { class: "row" },
        button("Edit", () => this.#edit(one), { class: "quiet" }),
        one.status === "retired" ? null : button("Forget", (event) => this.#forget(one, event.currentTarget), { class: "quiet danger" })),
      this.fault,
      el("h3", {}, "History"),
      el("ol", { class: "history" }, events.toReversed().map((event) => this.#event(one, event)))]);
    heading.focus({ preventScroll: innerWidth > 800 });
  }

  #event(one, event) {
    const changes = Object.entries(event.changes ?? {});
    return el("li", {},
      el("div", { class: "row" }, el("b", {}, event.action), el("span", { class: "muted" }, [event.actor, when(event.at)].filter(Boolean).join(" · ")),
        event.seq != null && event.action !== "added"
          ? button("Undo", () => this.#do(one.id, `${path(one.id)}/undo`, { method: "POST", body: { event: event.seq } }, "Undone"),
            { class: "quiet small", "aria-label": `Undo: ${event.action}` })
          : null),
      event.cause ? el("p", { class: "muted", dir: "auto" }, short(event.cause, 300)) : null,
      changes.length ? el("dl", { class: "changes" }, changes.map(([field, [before, after]]) => [
        el("dt", {}, field), el("dd", {}, el("del", {}, short(plain(before), 400)), " ", el("ins", {}, short(plain(after), 400)))])) : null);
  }

  #edit(one) {
    const inputs = new Map();
    const form = el("form", { class: "edit" });
    for (const [name, label, lines, rows] of FIELDS) {
      const value = lines ? (one[name] ?? []).join("\n") : one[name] ?? "";
      const input = rows === 1 ? el("input", { id: `edit-${name}`, type: "text" }) : el("textarea", { id: `edit-${name}`, rows });
      input.value = value;
      inputs.set(name, [input, lines, value]);
      append(form, [el("label", { for: `edit-${name}` }, label), input]);
    }
    append(form, [this.fault = el("div", {}),
      el("div", { class: "row" }, el("button", { type: "submit", class: "main" }, "Save"), button("Cancel", () => this.#show(one.id), { class: "quiet" }))]);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const body = {};
      for (const [name, [input, lines, before]] of inputs) {
        if (input.value !== before) body[name] = lines ? input.value.split("\n").map((line) => line.trim()).filter(Boolean) : input.value.trim();
      }
      if (!Object.keys(body).length) this.#show(one.id, "Nothing was changed");
      else this.#do(one.id, path(one.id), { method: "PATCH", body, headers: { "If-Match": `"${one.version}"` } }, "Saved");
    });
    this.detail.replaceChildren(this.#back(), el("h2", {}, "Edit the concept"), form);
    inputs.get("title")[0].focus();
  }

  /** A second press forgets; whoever looks elsewhere first is asked again. */
  #forget(one, pressed) {
    if (pressed.dataset.sure) {
      this.#do(one.id, path(one.id), { method: "DELETE" }, "Forgotten");
      return;
    }
    pressed.dataset.sure = "yes";
    pressed.textContent = "Forget it? Press again";
    say("Press again to forget this concept");
    pressed.addEventListener("blur", () => { delete pressed.dataset.sure; pressed.textContent = "Forget"; }, { once: true });
  }

  async #do(id, to, options, words) {
    try {
      await json(to, options);
      this.#list(0, true); // what was done is what is told
      await this.#show(id, words);
    } catch (error) {
      this.fault.replaceChildren(notice(sentence(error), "error"));
    }
  }
}

const path = (id) => `v1/concepts/${encodeURIComponent(id)}`;
const to = (id) => `#concepts/${encodeURIComponent(id)}`;

function sentence(error) {
  if (error.code === "no_memory") return "This server has no memory. Start it with --memory, and what it learns is shown here.";
  if (error.status === 403) return `Your key does not allow this: ${error.message}. Ask for a key with the scope concepts:read (concepts:write to change them).`;
  if (error.status === 401) return "The server wants a key: press Key above.";
  if (error.status === 404 && !error.code) return "This server does not show concepts.";
  return error.message;
}

function part(label, items, kind) {
  if (!items?.length) return null;
  return [el("h3", {}, label), el(kind, {}, items.map((item) => el("li", { dir: "auto" }, item)))];
}

function record(outcomes) {
  if (!outcomes) return null;
  const told = ["recalled", "followed", "helped", "harmed", "withheld"].map((name) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, count(outcomes[name]))));
  return el("dl", { class: "numbers" }, told);
}

function origin(provenance) {
  if (!provenance) return null;
  const { model, task_id: task, verified_by: by, created_at: at } = provenance;
  const told = [model && `written by ${model}`, task && `from ${task}`, by && `verified by ${by}`, at && `kept since ${when(at)}`].filter(Boolean);
  return told.length ? el("p", { class: "muted" }, told.join(" · ")) : null;
}

function when(at) {
  const date = new Date(typeof at === "number" ? at * 1000 : at ?? NaN);
  return Number.isNaN(date.valueOf()) ? "" : date.toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
}

const plain = (value) => (Array.isArray(value) ? value.map(plain).join("; ") : typeof value === "object" && value ? JSON.stringify(value) : String(value ?? "nothing"));
