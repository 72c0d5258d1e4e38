// Elements made of names, attributes and text: no text is ever read as HTML.

/** An element. Attributes that are false, null or undefined are left out; `on` has listeners by event. */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "on") for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, String(value));
  }
  append(made, children);
  return made;
}

/** Puts children behind those that are there; nothing is put for null, undefined, false and empty text. */
export function append(parent, children) {
  for (const child of children.flat(Infinity)) {
    if (child != null && child !== false && child !== "") parent.append(child);
  }
  return parent;
}

export function button(label, onclick, attributes = {}) {
  return el("button", { type: "button", ...attributes, on: { click: onclick } }, label);
}

/** A hint that appears where something went wrong or is not there, for eyes and for screen readers. */
export function notice(text, kind = "") {
  return el("p", { class: `notice ${kind}`, role: kind === "error" ? "alert" : null }, text);
}

/** Tells those who listen and do not see. */
export function say(text) {
  document.getElementById("status").textContent = text;
}

export const count = (number) => Number(number || 0).toLocaleString("en");

export function seconds(value) {
  return value >= 100 ? `${Math.round(value)} s` : `${Number(value || 0).toFixed(1)} s`;
}

/** "1 run", "2 runs". */
export function many(number, one, more = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : more}`;
}

/** The text, cut where it is longer than a reader takes in. */
export function short(text, most) {
  const whole = String(text ?? "");
  return whole.length > most ? `${whole.slice(0, most - 1)}…` : whole;
}
