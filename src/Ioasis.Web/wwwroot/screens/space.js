import { html } from "../html.js";

export function Space() {
  return html`<h2>Space</h2>`;
}
