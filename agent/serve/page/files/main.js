// The page: which view is shown, how it looks, and the key.

import { Chat } from "./chat.js";
import { Concepts } from "./concepts.js";
import { askForKey, mark } from "./key.js";
import { Runs } from "./runs.js";

const LOOKS = ["system", "light", "dark"];
const views = {
  chat: new Chat(document.getElementById("chat")),
  concepts: new Concepts(document.getElementById("concepts")),
  runs: new Runs(document.getElementById("runs")),
};
const names = { chat: "Chat", concepts: "Concepts", runs: "Runs" };

function show(first = false) {
  const [name, ...rest] = location.hash.slice(1).split("/");
  if (location.hash === "#main") return;
  const shown = name in views ? name : "chat";
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== shown;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.view === shown) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${names[shown]} · pilotage`;
  views[shown].open(rest.map(decoded).join("/"));
  if (!first || shown === "chat") views[shown].focus();
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function look(name) {
  if (name === "system") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.dataset.theme = name;
  const button = document.getElementById("theme-button");
  button.textContent = { system: "◐", light: "○", dark: "●" }[name];
  button.setAttribute("aria-label", `Appearance: ${name}`);
  button.title = `Appearance: ${name}`;
  localStorage.setItem("pilotage-look", name);
}

const kept = localStorage.getItem("pilotage-look");
look(LOOKS.includes(kept) ? kept : "system");
document.getElementById("theme-button").addEventListener("click", () => {
  look(LOOKS[(LOOKS.indexOf(localStorage.getItem("pilotage-look")) + 1) % LOOKS.length]);
});
document.getElementById("key-button").addEventListener("click", async () => {
  if (await askForKey()) show();
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
});
addEventListener("hashchange", () => show());
mark();
show(true);
