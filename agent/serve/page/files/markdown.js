// Markdown, the subset that models write, turned into elements. No HTML is read: `<script>` is the text `<script>`.
// Images are links, links lead to http and https only and show where to. Every scan is bounded, so that no text,
// however it is made, holds the page up.

import { append, el } from "./dom.js";

const MOST_CHARACTERS = 200_000;
const DEEPEST = 6; // quotes and lists within each other, and emphasis within emphasis
const LONGEST_LABEL = 500;
const LONGEST_ADDRESS = 2000;

const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]{0,30})/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*)$/;
const RULE = /^ {0,3}([-*_])(?: *\1){2,} *$/;
const ITEM = /^( {0,12})([-*+]|\d{1,9}[.)])(?: +(.*)|)$/;
const QUOTE = /^ {0,3}> ?/;
const DIVIDER = /^ {0,3}\|?(?: *:?-+:? *\|)+(?: *:?-+:? *)?$/;

/** A fragment with the text's blocks. */
export function markdown(text) {
  const whole = String(text);
  const shown = whole.slice(0, MOST_CHARACTERS);
  const made = document.createDocumentFragment();
  append(made, blocks(shown.replaceAll("\r\n", "\n").replaceAll("\t", "    ").split("\n"), 0));
  if (shown.length < whole.length) {
    const left = (whole.length - shown.length).toLocaleString("en");
    made.append(el("p", { class: "muted" }, `${left} more characters are not drawn; Copy gives all.`));
  }
  return made;
}

function blocks(lines, depth) {
  const made = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at];
    const start = at;
    if (!line.trim()) { at += 1; continue; }
    const fence = FENCE.exec(line);
    const heading = fence ? null : HEADING.exec(line.slice(0, 2000));
    if (fence) {
      const close = fence[1];
      at += 1;
      while (at < lines.length && !(lines[at].trim().startsWith(close) && lines[at].trim().length < 40)) at += 1;
      made.push(code(lines.slice(start + 1, at).join("\n"), fence[2]));
      at += 1;
    } else if (heading) {
      // A reply's headings are below those of the page.
      made.push(el(`h${Math.min(6, heading[1].length + 2)}`, {}, inline(line.trim().replace(/^#+\s+/, ""), 0)));
      at += 1;
    } else if (line.length < 200 && RULE.test(line)) {
      made.push(el("hr"));
      at += 1;
    } else if (QUOTE.test(line) && depth < DEEPEST) {
      while (at < lines.length && QUOTE.test(lines[at])) at += 1;
      made.push(el("blockquote", {}, blocks(lines.slice(start, at).map((one) => one.replace(QUOTE, "")), depth + 1)));
    } else if (ITEM.test(line) && depth < DEEPEST) {
      at = list(lines, start, depth, made);
    } else if (isTable(lines, at)) {
      at += 2;
      while (at < lines.length && lines[at].includes("|")) at += 1;
      made.push(table(lines.slice(start, at)));
    } else {
      at += 1;
      while (at < lines.length && !opens(lines, at, depth)) at += 1;
      made.push(el("p", {}, inline(lines.slice(start, at).join("\n"), 0)));
    }
  }
  return made;
}

/** Whether a line begins something else than the paragraph before it goes on with. */
function opens(lines, at, depth) {
  const line = lines[at];
  return !line.trim() || FENCE.test(line) || /^ {0,3}#{1,6}\s/.test(line) || isTable(lines, at)
    || (line.length < 200 && RULE.test(line))
    || (depth < DEEPEST && (QUOTE.test(line) || /^ {0,12}(?:[-*+]|1[.)]) /.test(line)));
}

function code(text, language) {
  return el("pre", { tabindex: "0", "aria-label": language ? `${language} code` : "code" }, el("code", {}, text));
}

function list(lines, start, depth, made) {
  const [, indent, mark] = ITEM.exec(lines[start]);
  const ordered = /\d/.test(mark);
  const items = [];
  let at = start;
  while (at < lines.length) {
    const item = ITEM.exec(lines[at]);
    if (!item || item[1].length > indent.length + 1 || /\d/.test(item[2]) !== ordered) break;
    if (item[1].length < indent.length) break;
    const inner = item[1].length + 2;
    const own = [item[3] ?? ""];
    at += 1;
    while (at < lines.length) {
      const blank = !lines[at].trim();
      const next = blank ? lines[at + 1] ?? "" : lines[at];
      const further = next.search(/\S/) >= inner;
      if (blank ? !further : !further && opens(lines, at, depth)) break;
      if (!blank && !further && ITEM.test(lines[at])) break;
      own.push(lines[at].slice(Math.min(inner, Math.max(0, lines[at].search(/\S/)))));
      at += 1;
    }
    const parts = blocks(own, depth + 1);
    // An item of one paragraph is no paragraph: it stands close to its neighbours.
    items.push(el("li", {}, parts.map((part, place) => (part.tagName === "P" && !place ? [...part.childNodes] : part))));
    let next = at;
    while (next < lines.length && !lines[next].trim()) next += 1;
    if (next < lines.length && ITEM.test(lines[next])) at = next;
  }
  const from = ordered ? parseInt(mark, 10) : 1;
  made.push(el(ordered ? "ol" : "ul", { start: ordered && from !== 1 ? from : null }, items));
  return at;
}

function isTable(lines, at) {
  const next = lines[at + 1] ?? "";
  return lines[at].includes("|") && next.includes("|") && next.length < 1000 && DIVIDER.test(next);
}

function table(lines) {
  const cells = (line) => line.trim().replace(/^\|/, "").replace(/\|$/, "").split("|").slice(0, 50);
  const row = (line, kind) => el("tr", {}, cells(line).map((cell) => el(kind, {}, inline(cell.trim(), 0))));
  const [head, , ...body] = lines;
  return el("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Table" },
    el("table", {}, el("thead", {}, row(head, "th")), el("tbody", {}, body.map((line) => row(line, "td")))));
}

/** Nodes of a line: code, emphasis, links; all else is text. A mark without its other half is text, too. */
export function inline(text, depth) {
  const made = [];
  const never = new Set(); // marks that are not closed any more: looked for once
  const marks = /`+|\*\*\*|\*\*|\*|__|_|~~|!?\[|\\(?=[^\w\s])|https?:\/\/|\n/g;
  let plain = 0;
  const put = (from, node, to) => {
    if (from > plain) made.push(text.slice(plain, from));
    made.push(node);
    plain = to;
    marks.lastIndex = to;
  };
  for (let found; (found = marks.exec(text)); ) {
    const mark = found[0];
    const at = found.index;
    const after = at + mark.length;
    if (mark === "\n") {
      if (text.slice(Math.max(0, at - 2), at) === "  ") put(at, el("br"), after);
    } else if (mark === "\\") {
      put(at, text[after], after + 1);
    } else if (mark[0] === "`") {
      const end = never.has(mark) ? -1 : closingTicks(text, after, mark);
      if (end < 0) never.add(mark);
      else put(at, el("code", {}, text.slice(after, end).replace(/^ (.*) $/s, "$1")), end + mark.length);
    } else if (mark[0] === "h") {
      const given = bareAddress(text, at);
      const url = safe(given);
      if (url) put(at, link(url, [given], given), at + given.length);
    } else if (mark.endsWith("[")) {
      const target = targetOf(text, after);
      if (target) put(at, labelled(target, mark === "![", depth), target.end);
    } else if (depth < DEEPEST && !never.has(mark)) {
      const end = closing(text, after, mark);
      if (end === -1) never.add(mark);
      if (end > after && opensWord(text, at, mark)) {
        const name = { "***": "strong", "**": "strong", __: "strong", "~~": "s" }[mark] ?? "em";
        const inner = inline(text.slice(after, end), depth + 1);
        put(at, el(name, {}, mark === "***" ? el("em", {}, inner) : inner), end + mark.length);
      }
    }
  }
  if (plain < text.length) made.push(text.slice(plain));
  return made;
}

function closingTicks(text, from, ticks) {
  for (let at = text.indexOf(ticks, from); at >= 0; ) {
    let end = at + ticks.length;
    while (text[end] === "`") end += 1;
    if (end - at === ticks.length) return at;
    at = text.indexOf(ticks, end);
  }
  return -1;
}

/** An address as it stands in running text, without the marks of the sentence behind it. */
function bareAddress(text, at) {
  const address = /[^\s<>"'`|\\^{}]{0,2000}/y;
  address.lastIndex = at;
  const given = address.exec(text)[0];
  let end = given.length;
  while (end && ".,;:!?)]*_~".includes(given[end - 1])) end -= 1;
  return given.slice(0, end);
}

/** Where emphasis ends: the mark behind something that is no space; -1 for nowhere, -2 for not from here. */
function closing(text, from, mark) {
  if (/\s/.test(text[from] ?? " ")) return -2;
  let tries = 0;
  for (let at = text.indexOf(mark, from); at >= 0; at = text.indexOf(mark, at + 1)) {
    if (++tries > 50) return -2;
    const behind = text[at + mark.length] === mark[0];
    const longer = mark.length === 1 ? behind || text[at - 1] === mark : mark === "**" && behind;
    const inWord = mark[0] === "_" && /\w/.test(text[at + mark.length] ?? "");
    if (!longer && !inWord && !/\s/.test(text[at - 1])) return at;
  }
  return tries ? -2 : -1;
}

const opensWord = (text, at, mark) => mark[0] !== "_" || !/\w/.test(text[at - 1] ?? "");

/** `label](address)` from behind its bracket; null where it is none. */
function targetOf(text, from) {
  const window = text.slice(from, from + LONGEST_LABEL + LONGEST_ADDRESS);
  let depth = 1;
  let end = 0;
  for (; end < Math.min(window.length, LONGEST_LABEL); end += 1) {
    if (window[end] === "\\") end += 1;
    else if (window[end] === "[" && ++depth > DEEPEST) return null;
    else if (window[end] === "]" && --depth === 0) break;
  }
  if (depth || window[end + 1] !== "(") return null;
  const rest = /^\(\s{0,3}<?([^\s<>]*?)>?(?:\s{1,3}"[^"]*"|\s{1,3}'[^']*')?\s{0,3}\)/.exec(window.slice(end + 1));
  return rest && { label: window.slice(0, end), address: rest[1], end: from + end + 1 + rest[0].length };
}

function labelled({ label, address }, image, depth) {
  const url = safe(address);
  const shown = image ? `image: ${label || "unnamed"}` : label;
  if (!url) return el("span", {}, image ? shown : inline(label, Math.max(depth + 1, DEEPEST)), el("span", { class: "target" }, ` (${address})`));
  // What stands in a link is text: a link in a link could show one place and lead to another.
  return link(url, [shown], shown);
}

/** The address as a URL, where it is one that a reader may follow. */
function safe(address) {
  try {
    const url = new URL(address);
    return (url.protocol === "http:" || url.protocol === "https:") && url.host ? url : null;
  } catch {
    return null;
  }
}

function link(url, children, shown) {
  const bare = shown === url.href || `${shown}/` === url.href;
  return el("span", {},
    el("a", { href: url.href, rel: "noopener noreferrer nofollow", target: "_blank", title: url.href }, children),
    bare ? null : el("span", { class: "target" }, ` (${url.host})`));
}
