// Chat: a conversation over /v1/chat/completions, with the route of each reply.

import { ApiError, events, json, request } from "./api.js";
import { append, button, count, el, notice, say, seconds, short } from "./dom.js";
import { markdown } from "./markdown.js";
import { Route } from "./route.js";

const ASKS = ["How much is 2,500 at 4% a year after 10 years?", "What is the sum of all primes below 1000?", "Which is larger: 2^100 or 3^63?"];

export class Chat {
  constructor(section) {
    this.section = section;
    this.turns = []; // {role, content, ...}: the conversation as it is sent
    this.running = null;
    this.follows = true; // whether the page scrolls along with what comes
    this.#draw();
  }

  async open() {
    if (this.models.options.length) return;
    try {
      const { data } = await json("v1/models");
      this.models.replaceChildren(...data.map(({ id }) => el("option", { value: id }, id)));
      const wanted = sessionStorage.getItem("pilotage-model");
      if (data.some(({ id }) => id === wanted)) this.models.value = wanted;
    } catch (error) {
      this.#fail(error);
    }
  }

  focus() {
    this.input.focus({ preventScroll: true });
  }

  #draw() {
    this.log = el("ol", { class: "log", "aria-label": "Conversation" });
    this.trouble = el("div", { class: "trouble" });
    this.models = el("select", { id: "model", on: { change: () => sessionStorage.setItem("pilotage-model", this.models.value) } });
    this.input = el("textarea", { id: "message", rows: "1", placeholder: "Ask something", enterkeyhint: "send", autocomplete: "off" });
    this.input.addEventListener("input", () => this.#grow());
    this.input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#send();
    });
    this.sender = el("button", { type: "submit", class: "main" }, "Send");
    this.fresh = button("New", () => this.#restart(), { class: "quiet", hidden: true, "aria-label": "New conversation", title: "New conversation" });
    const form = el("form", { class: "composer" },
      el("label", { for: "message", class: "unseen" }, "Message"), this.input,
      el("div", { class: "row" },
        el("label", { for: "model", class: "unseen" }, "Model"), this.models, this.fresh,
        el("span", { class: "hint" }, "Enter sends, Shift+Enter breaks the line"), this.sender));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.running) this.stop();
      else this.#send();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.running && !document.querySelector("dialog[open]")) this.stop();
    });
    document.addEventListener("scroll", () => {
      this.follows = innerHeight + scrollY > document.documentElement.scrollHeight - 120;
    }, { passive: true });
    this.welcome = el("div", { class: "welcome" },
      el("h1", { tabindex: "-1" }, "What shall be worked out?"),
      el("p", { class: "muted" }, "Each reply shows the way it took: which blocks ran and why, what each of them found, and what it cost."),
      el("ul", {}, ASKS.map((ask) => el("li", {}, button(ask, () => { this.input.value = ask; this.#send(); }, { class: "quiet" })))));
    append(this.section, [this.welcome, this.log, this.trouble, form]);
  }

  #grow() {
    // No style is written by hand: the policy of the page takes none. Rows do it.
    const lines = this.input.value.split("\n").reduce((sum, line) => sum + 1 + Math.floor(line.length / 80), 0);
    this.input.rows = Math.min(10, lines);
  }

  #restart() {
    this.stop();
    this.turns = [];
    this.log.replaceChildren();
    this.trouble.replaceChildren();
    this.welcome.hidden = false;
    this.fresh.hidden = true;
    this.focus();
  }

  #send() {
    const text = this.input.value.trim();
    if (!text || this.running) return;
    this.input.value = "";
    this.#grow();
    this.welcome.hidden = true;
    this.fresh.hidden = false;
    this.turns.push({ role: "user", content: text });
    this.log.append(el("li", { class: "turn user" }, el("h2", { class: "unseen" }, "You"), el("div", { class: "said", dir: "auto" }, text)));
    this.follows = true;
    this.#reply();
  }

  stop() {
    this.running?.abort();
  }

  /** The last reply once more, from the same conversation. */
  #again(reply) {
    if (this.running) return;
    const at = this.turns.indexOf(reply.turn);
    if (at >= 0) this.turns.splice(at);
    reply.element.remove();
    this.#reply();
  }

  async #reply() {
    const model = this.models.value || "pilotage";
    this.trouble.replaceChildren();
    for (const older of this.log.querySelectorAll("details.route")) older.open = false;
    for (const older of this.log.querySelectorAll(".again")) older.hidden = true;
    const reply = new Reply((one) => this.#again(one), () => this.#follow());
    this.log.append(reply.element);
    this.running = new AbortController();
    this.sender.textContent = "Stop";
    this.section.setAttribute("aria-busy", "true");
    say("Working");
    this.#follow();
    try {
      const body = {
        model, stream: true, stream_options: { include_usage: true },
        messages: this.turns.map(({ role, content }) => ({ role, content })),
        // What goes to an upstream as it is must hold nothing that is ours.
        ...(model.startsWith("passthrough") ? {} : { pilotage: { trace: true } }),
      };
      const response = await request("v1/chat/completions", { method: "POST", body, signal: this.running.signal });
      for await (const chunk of events(response)) reply.take(chunk);
      reply.end();
      say(`Reply: ${short(reply.content, 600) || "it is empty"}`);
    } catch (error) {
      const stopped = error.name === "AbortError";
      reply.end(stopped ? "Stopped." : "");
      if (stopped) say("Stopped");
      else this.#fail(error);
    } finally {
      if (reply.content) {
        reply.turn = { role: "assistant", content: reply.content };
        this.turns.push(reply.turn);
      }
      this.running = null;
      this.sender.textContent = "Send";
      this.section.removeAttribute("aria-busy");
      this.#follow();
    }
  }

  #fail(error) {
    const words = error instanceof ApiError ? error.message : `The page failed: ${error.message}`;
    this.trouble.replaceChildren(notice(words, "error"));
    this.#follow();
  }

  #follow() {
    if (this.follows) scrollTo({ top: document.documentElement.scrollHeight });
  }
}

class Reply {
  constructor(again, grown) {
    this.content = "";
    this.thought = "";
    this.grown = grown;
    this.route = new Route({ live: true });
    this.thinking = el("pre", { tabindex: "0", "aria-label": "Thinking" });
    this.thoughts = el("details", { class: "thoughts", hidden: true }, el("summary", {}, "Thinking"), this.thinking);
    this.said = el("div", { class: "said", dir: "auto" });
    this.wait = el("p", { class: "wait", "aria-hidden": "true" }, el("i"), el("i"), el("i"));
    this.foot = el("footer", { class: "foot", hidden: true });
    this.again = button("Regenerate", () => again(this), { class: "quiet again" });
    this.element = el("li", { class: "turn assistant" }, el("h2", { class: "unseen" }, "pilotage"),
      this.route.element, this.thoughts, this.wait, this.said, this.foot);
    this.due = 0;
    this.began = performance.now();
  }

  take(chunk) {
    if (chunk.error) throw new ApiError(0, String(chunk.error.message), chunk.error.code);
    this.id ??= chunk.id;
    if (chunk.pilotage) {
      const words = this.route.add(chunk.pilotage);
      if (words) say(words);
      this.grown();
    }
    if (chunk.usage) this.usage = chunk.usage;
    const choice = chunk.choices?.[0];
    if (!choice) return;
    const thought = choice.delta?.reasoning_content ?? choice.delta?.reasoning;
    if (thought) this.#think(thought);
    if (choice.delta?.content) {
      this.content += choice.delta.content;
      this.wait.hidden = true;
      this.#render();
    }
    if (choice.finish_reason === "length") this.cut = true;
  }

  #think(text) {
    this.thought = (this.thought + text).slice(-100_000);
    this.thoughts.hidden = false;
    if (this.thoughts.open || this.thought.length === text.length) this.thinking.textContent = this.thought;
    else this.thoughts.addEventListener("toggle", () => { this.thinking.textContent = this.thought; }, { once: true });
  }

  /** Draws what has come, at most once a frame, and more seldom the longer drawing takes. */
  #render() {
    if (this.drawing) return;
    this.drawing = true;
    const wait = Math.max(0, this.due - performance.now());
    setTimeout(() => requestAnimationFrame(() => this.#paint()), wait);
  }

  #paint() {
    const from = performance.now();
    this.said.replaceChildren(markdown(this.content));
    this.drawing = false;
    const to = performance.now();
    this.due = to + 5 * (to - from);
    this.grown();
  }

  end(note = "") {
    this.route.close();
    this.thinking.textContent = this.thought;
    this.wait.hidden = true;
    this.said.replaceChildren(markdown(this.content));
    const remarks = [note, this.cut ? "Cut short by a limit of tokens." : ""].filter(Boolean).join(" ");
    if (remarks) this.said.append(el("p", { class: "muted" }, remarks));
    const spent = [];
    if (this.usage) {
      const thinking = this.usage.completion_tokens_details?.reasoning_tokens;
      if (this.route.element.hidden) spent.push(`${count(this.usage.total_tokens)} tokens`);
      spent.push(`${count(this.usage.prompt_tokens)} tokens read, ${count(this.usage.completion_tokens)} written${
        thinking ? `, ${count(thinking)} of them on the way` : ""}`);
    }
    if (this.route.element.hidden) spent.push(seconds((performance.now() - this.began) / 1000));
    append(this.foot, [
      el("span", { class: "spent" }, spent.join(" · ")),
      el("span", { class: "acts" },
        this.content && this.id ? [this.#thumb(true), this.#thumb(false)] : null,
        this.content ? button("Copy", (event) => copy(this.content, event.currentTarget), { class: "quiet" }) : null, this.again),
    ]);
    this.foot.hidden = false;
  }

  #thumb(helped) {
    const label = helped ? "This helped" : "This did not help";
    const made = button(thumb(helped), async () => {
      if (!(await this.#feed({ helped }))) return;
      for (const one of this.foot.querySelectorAll(".thumb")) one.setAttribute("aria-pressed", String(one === made));
      this.foot.querySelector(".correct")?.remove();
      if (!helped) this.foot.append(this.#correction());
    }, { class: "quiet thumb", "aria-label": label, title: label, "aria-pressed": "false" });
    return made;
  }

  /** What would have been right, for those who know; the memory may learn a lesson from it. */
  #correction() {
    const input = el("input", { type: "text", id: `correct-${this.id}`, maxlength: "1000", autocomplete: "off" });
    const form = el("form", { class: "correct" },
      el("label", { for: input.id }, "What would have been right? (if you know)"),
      el("div", { class: "row" }, input, el("button", { type: "submit" }, "Tell")));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const correction = input.value.trim();
      const told = correction && await this.#feed({ helped: false, correction });
      if (!told) return;
      form.remove();
      this.foot.append(notice(told.lesson ? "A lesson was kept." : `No lesson was kept${told.why ? `: ${told.why}` : ""}.`));
    });
    return form;
  }

  async #feed(feedback) {
    this.foot.querySelector(".notice")?.remove();
    try {
      const told = await json("v1/feedback", { method: "POST", body: { completion_id: this.id, ...feedback } });
      say("Thank you");
      return told;
    } catch (error) {
      const untaken = error.code === "no_memory" || (error.status === 404 && !error.code);
      this.foot.append(untaken ? notice("This server has no memory that could learn from it.") : notice(error.message, "error"));
      return null;
    }
  }
}

function thumb(up) {
  const space = "http://www.w3.org/2000/svg";
  const image = document.createElementNS(space, "svg");
  for (const [name, value] of [["viewBox", "0 0 24 24"], ["aria-hidden", "true"], ["class", up ? "icon" : "icon down"]]) image.setAttribute(name, value);
  const line = document.createElementNS(space, "path");
  line.setAttribute("d", "M7 11v9H4v-9h3zm0 0 4-8c1.7 0 2.6 1 2.4 2.6L13 9h5.6c1.3 0 2.2 1.2 1.9 2.4l-1.7 7c-.2.9-1 1.6-2 1.6H7");
  image.append(line);
  return image;
}

async function copy(text, pressed) {
  try {
    await navigator.clipboard.writeText(text);
    pressed.textContent = "Copied";
    setTimeout(() => { pressed.textContent = "Copy"; }, 2000);
  } catch {
    say("The browser does not let this page copy");
  }
}
