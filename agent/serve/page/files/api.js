// The server's API: one way to ask, with a key where one is needed, and errors as sentences.

import { askForKey, currentKey } from "./key.js";

export class ApiError extends Error {
  constructor(status, message, code = null) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** A response that is no error. A 401 asks the reader for a key, once, and the request is sent again. */
export async function request(path, { method = "GET", body, signal, headers: more = {} } = {}) {
  for (let again = false; ; again = true) {
    const key = currentKey();
    const headers = body === undefined ? { ...more } : { "Content-Type": "application/json", ...more };
    if (key) headers.Authorization = `Bearer ${key}`;
    let response;
    try {
      response = await fetch(new URL(path, document.baseURI), {
        method, headers, signal, cache: "no-store", credentials: "omit",
        body: body === undefined ? undefined : JSON.stringify(body),
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError(0, "The server cannot be reached. Is it still running?");
    }
    if (response.ok) return response;
    const failure = await failureOf(response);
    if (response.status !== 401 || again || !(await askForKey(failure.message))) throw failure;
  }
}

export async function json(path, options) {
  const response = await request(path, options);
  return response.status === 204 ? null : response.json();
}

async function failureOf(response) {
  try {
    const { error } = await response.json();
    return new ApiError(response.status, String(error.message), error.code);
  } catch {
    return new ApiError(response.status, `The server answered ${response.status}, and not why.`);
  }
}

/** The data of a stream's events, parsed; it ends at `[DONE]`. Comments are passed over. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) {
        if (!line.startsWith("data:")) continue;
        const data = line.slice(5).trim();
        if (data === "[DONE]") return;
        yield JSON.parse(data);
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
