import { html } from "../html.js";

export function Lessons() {
  return html`<h2>Lessons</h2>`;
}
