// The API key: in this tab's session storage and nowhere else.

const NAME = "pilotage-key";
let asking = null;

export const currentKey = () => sessionStorage.getItem(NAME) ?? "";

/** Shows the dialog; whether there is a new key afterwards. Requests that fail together ask once. */
export function askForKey(why = "") {
  asking ??= show(why).finally(() => { asking = null; });
  return asking;
}

function show(why) {
  const dialog = document.getElementById("key-dialog");
  const input = document.getElementById("key-input");
  const stays = "The key stays in this tab, and is forgotten when the tab is closed.";
  document.getElementById("key-why").textContent = why ? `The server says: ${why}. ${stays}` : stays;
  input.value = "";
  document.getElementById("key-cancel").onclick = () => dialog.close("cancel");
  const forget = document.getElementById("key-forget");
  forget.hidden = !currentKey();
  forget.onclick = () => dialog.close("forget");
  dialog.returnValue = "cancel";
  dialog.showModal();
  input.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const given = input.value.trim();
      input.value = "";
      if (dialog.returnValue === "forget") sessionStorage.removeItem(NAME);
      const kept = dialog.returnValue === "keep" && given !== "";
      if (kept) sessionStorage.setItem(NAME, given);
      mark();
      resolve(kept);
    }, { once: true });
  });
}

/** The button says whether there is a key. */
export function mark() {
  const button = document.getElementById("key-button");
  button.textContent = currentKey() ? "Key ✓" : "Key";
  button.setAttribute("aria-label", currentKey() ? "API key: given" : "API key: none");
}
