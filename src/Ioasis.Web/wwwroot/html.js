// preact without a build step: html`<b>text</b>` makes its elements.
import { h } from "preact";
import htm from "htm";

export const html = htm.bind(h);
export { render, Fragment, createContext } from "preact";
export * from "preact/hooks";
