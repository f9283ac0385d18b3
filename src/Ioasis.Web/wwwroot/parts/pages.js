// A long list in pages.
import { html, useState } from "../html.js";

/** [the items of the page, the buttons to go to another one] */
export function usePages(items, size) {
  const [wanted, go] = useState(0);
  const last = Math.max(0, Math.ceil(items.length / size) - 1);
  const page = Math.min(wanted, last);
  return [items.slice(page * size, (page + 1) * size), last > 0 && html`<p class="pages">
    <button disabled=${page === 0} onClick=${() => go(page - 1)}>Previous</button>${" "}
    <span role="status">page ${page + 1} of ${last + 1}</span>${" "}
    <button disabled=${page === last} onClick=${() => go(page + 1)}>Next</button></p>`];
}
