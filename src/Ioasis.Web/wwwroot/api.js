// Asks the page's server. The secret of the page's URL goes with each request.
const token = new URLSearchParams(location.search).get("t") ?? "";
const headers = { Authorization: `Bearer ${token}` };

/** The machine of the lesson that the page shows; null for that which the page was opened for. */
export const machine = new URLSearchParams(location.search).get("machine");

// Aborted when the page leaves its lesson: whom it asks is gone then, and a refusal would be no news.
const left = new AbortController();
const untilLeft = (signal) => (signal ? AbortSignal.any([left.signal, signal]) : left.signal);

async function ask(path, parameters, options) {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters ?? {})) {
    if (value !== undefined && value !== null && value !== "") words.set(name, value);
  }
  if (machine) words.set("machine", machine);
  const query = words.toString();
  const response = await fetch(`api/${path}${query ? `?${query}` : ""}`, { headers, ...options });
  const body = await response.json().catch(() => null);
  if (!response.ok) throw new Error(body?.error ?? `the server answered ${response.status}`);
  return body;
}

/** One question; throws an Error whose message is the reason. */
export const get = (path, parameters, signal) => ask(path, parameters, { signal: untilLeft(signal) });

/** Something that changes: a recording's position, a lesson's next step. */
export const post = (path, parameters) => ask(path, parameters, { method: "POST" });

/** Leaves the lesson, with whatever it is still asked. */
export function leave() {
  left.abort();
  return post("lesson/leave").catch(() => null); // it may be gone already
}

/** Begins a lesson; gives the ID of its machine. */
export const begin = async (lesson) => (await post(`lessons/${encodeURIComponent(lesson)}`)).machine;

/**
 * Hands on the events of a stream until `signal` is aborted. It connects anew when the connection breaks, at most once
 * a second. `state` hears "open", "broken" and "ended".
 */
export async function follow(path, parameters, take, { signal, state } = {}) {
  const until = untilLeft(signal);
  while (!until.aborted) {
    try {
      const query = new URLSearchParams({ ...parameters, ...(machine ? { machine } : {}) }).toString();
      const response = await fetch(`api/${path}?${query}`, { headers, signal: until });
      if (response.status === 410) return state?.("ended");
      if (!response.ok) throw new Error(`the server answered ${response.status}`);
      state?.("open");
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        text += value;
        const parts = text.split("\n\n");
        text = parts.pop();
        const events = [];
        for (const part of parts) {
          const data = part.split("\n").filter((l) => l.startsWith("data: ")).map((l) => l.slice(6)).join("\n");
          if (data) events.push(JSON.parse(data));
        }
        const ended = events.at(-1)?.event === "end";
        if (ended) events.pop();
        if (events.length) take(events);
        if (ended) return state?.("ended");
      }
    } catch (e) {
      if (until.aborted) return;
    }
    state?.("broken");
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}
