// preact without a build step: html`<b>text</b>` makes its elements.
import { h } from "preact";
import htm from "htm";
import { useLayoutEffect } from "preact/hooks";

export const html = htm.bind(h);
export { render, Fragment, createContext } from "preact";
export * from "preact/hooks";

/**
 * Calls `take` with each such event, as the component was drawn last. It listens from the moment of the drawing: an
 * effect begins only after the paint, and a key that comes before it would be lost or meet what was drawn before.
 */
export function useListener(kind, take) {
  useLayoutEffect(() => {
    addEventListener(kind, take);
    return () => removeEventListener(kind, take);
  });
}
