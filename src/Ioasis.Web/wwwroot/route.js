// The place in the page: #/screen?name=value. It can be shared and kept.
import { useListener, useState } from "./html.js";

export function parse(hash) {
  const [path, query] = hash.replace(/^#\/?/, "").split("?");
  return { screen: path || "topology", parameters: Object.fromEntries(new URLSearchParams(query ?? "")) };
}

export function linkTo(screen, parameters) {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters ?? {})) {
    if (value !== undefined && value !== null && value !== "") words.set(name, value);
  }
  const query = words.toString();
  return `#/${screen}${query ? `?${query}` : ""}`;
}

/** Goes somewhere without an entry in the history for each letter that is typed. */
export const replace = (screen, parameters) => {
  history.replaceState(null, "", location.pathname + location.search + linkTo(screen, parameters));
  dispatchEvent(new HashChangeEvent("hashchange"));
};

export function useRoute() {
  const [route, set] = useState(() => parse(location.hash));
  useListener("hashchange", () => set(parse(location.hash)));
  return route;
}
