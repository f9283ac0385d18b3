// A canvas that is as sharp as the screen, drawn at most once a frame, in the colours of the page's scheme.
import { useEffect, useRef } from "preact/hooks";

const roles = ["ground", "panel", "line", "text", "quiet", "accent", "read", "write", "both", "refused", "kept"];
const dark = matchMedia("(prefers-color-scheme: dark)");

/** The colours of the roles of style.css as a canvas takes them. */
function coloursOf(element) {
  const probe = document.createElement("i");
  element.append(probe);
  const found = {};
  for (const role of roles) {
    probe.style.color = `var(--${role})`;
    found[role] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

/**
 * {canvas, schedule}: the ref of a canvas, and what to call when it is to be drawn. `draw(context, width, height,
 * colours)` is called in the next frame, with sizes in pixels of CSS.
 */
export function useCanvas(draw) {
  const canvas = useRef(null);
  const kept = useRef({});
  kept.current.draw = draw;
  if (!kept.current.schedule) {
    kept.current.schedule = () => {
      if (!kept.current.frame) kept.current.frame = requestAnimationFrame(kept.current.paint);
    };
    kept.current.paint = () => {
      kept.current.frame = 0;
      const element = canvas.current;
      if (!element) return;
      const { clientWidth: width, clientHeight: height } = element;
      const scale = devicePixelRatio || 1;
      const [across, down] = [Math.round(width * scale), Math.round(height * scale)];
      if (element.width !== across || element.height !== down) Object.assign(element, { width: across, height: down });
      kept.current.colours ??= coloursOf(element.parentElement);
      const context = element.getContext("2d");
      context.setTransform(scale, 0, 0, scale, 0, 0);
      context.clearRect(0, 0, width, height);
      context.font = "12px ui-monospace, 'Cascadia Mono', 'DejaVu Sans Mono', monospace";
      context.textBaseline = "middle";
      kept.current.draw(context, width, height, kept.current.colours);
    };
  }
  useEffect(() => {
    const { schedule } = kept.current;
    const size = new ResizeObserver(schedule);
    size.observe(canvas.current);
    const scheme = () => {
      kept.current.colours = null;
      schedule();
    };
    dark.addEventListener("change", scheme);
    schedule();
    return () => {
      size.disconnect();
      dark.removeEventListener("change", scheme);
      cancelAnimationFrame(kept.current.frame);
      kept.current.frame = 0;
    };
  }, []);
  return { canvas, schedule: kept.current.schedule };
}

/** Where a pointer is in an element, in pixels of CSS. */
export function placeIn(element, e) {
  const box = element.getBoundingClientRect();
  return { x: e.clientX - box.left, y: e.clientY - box.top };
}

/** Fills a rectangle with slanted lines: what is reserved, or not known. */
export function hatch(context, x, y, width, height, colour, gap = 6) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  // The lines stand still while the rectangle moves past them.
  for (let at = Math.floor((x - height) / gap) * gap; at < x + width; at += gap) {
    context.moveTo(at, y + height);
    context.lineTo(at + height, y);
  }
  context.stroke();
  context.restore();
}
