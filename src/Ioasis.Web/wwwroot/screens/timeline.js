import { html } from "../html.js";

export function Timeline() {
  return html`<h2>Timeline</h2>`;
}
