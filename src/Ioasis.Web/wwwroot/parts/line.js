// A canvas to look at by keys, wheel and pointer: as sharp as the screen, drawn at most once a frame, in the colours of
// the page's scheme. To a screen reader it is a slider whose value is in words.
import { html, useLayoutEffect, useRef } from "../html.js";

const roles = ["ground", "panel", "line", "text", "quiet", "accent", "read", "write", "both", "refused", "kept"];
const dark = matchMedia("(prefers-color-scheme: dark)");

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
 * `its` is an object of the parent's that gets `schedule()`, which draws in the next frame, and `width()`.
 * `draw(context, width, height, colours)` has sizes in pixels of CSS. `keys` are functions by the name of the key.
 * `wheel(x, across, down)`, `hover(x, y)` or `hover()` where it leaves, `click(x, y)`. `grab()` gives what
 * `drag(grabbed, pixels)` gets.
 */
export function Line(props) {
  const { its, label, now, words, describedBy, height } = props;
  const canvas = useRef(null);
  const kept = useRef({});
  kept.current.props = props;
  if (!its.schedule) {
    let frame = 0;
    let colours = null;
    const paint = () => {
      frame = 0;
      const element = canvas.current;
      if (!element) return;
      const { clientWidth: width, clientHeight } = element;
      const scale = devicePixelRatio || 1;
      const [across, down] = [Math.round(width * scale), Math.round(clientHeight * scale)];
      if (element.width !== across || element.height !== down) Object.assign(element, { width: across, height: down });
      colours ??= coloursOf(element.parentElement);
      const context = element.getContext("2d");
      context.setTransform(scale, 0, 0, scale, 0, 0);
      context.clearRect(0, 0, width, clientHeight);
      context.font = "12px ui-monospace, 'Cascadia Mono', 'DejaVu Sans Mono', monospace";
      context.textBaseline = "middle";
      kept.current.props.draw(context, width, clientHeight, colours);
    };
    its.schedule = () => { frame ||= requestAnimationFrame(paint); };
    its.width = () => canvas.current?.clientWidth || 1;
    its.focus = () => canvas.current.focus();
    kept.current.recolour = () => {
      colours = null;
      its.schedule();
    };
  }
  const placeOf = (e) => {
    const box = canvas.current.getBoundingClientRect();
    return [e.clientX - box.left, e.clientY - box.top];
  };
  useLayoutEffect(() => {
    const element = canvas.current;
    const size = new ResizeObserver(its.schedule);
    size.observe(element);
    const wheel = (e) => {
      e.preventDefault();
      kept.current.props.wheel(placeOf(e)[0], e.deltaX, e.deltaY);
    };
    element.addEventListener("wheel", wheel, { passive: false });
    dark.addEventListener("change", kept.current.recolour);
    its.schedule();
    return () => {
      size.disconnect();
      element.removeEventListener("wheel", wheel);
      dark.removeEventListener("change", kept.current.recolour);
    };
  }, []);
  const press = (e) => {
    const act = e.ctrlKey || e.altKey || e.metaKey ? null : props.keys[e.key];
    if (!act) return;
    e.preventDefault();
    act(e);
  };
  const down = (e) => {
    if (e.button) return;
    canvas.current.setPointerCapture(e.pointerId);
    kept.current.held = { x: e.clientX, grabbed: props.grab(), isMoved: false };
  };
  const move = (e) => {
    const { held } = kept.current;
    if (!held) return props.hover(...placeOf(e));
    held.isMoved ||= Math.abs(e.clientX - held.x) > 3;
    if (held.isMoved) props.drag(held.grabbed, held.x - e.clientX);
  };
  const up = (e) => {
    const { held } = kept.current;
    kept.current.held = null;
    if (held && !held.isMoved) props.click(...placeOf(e));
  };
  return html`<div class="line" onKeyDown=${press}>
    <canvas ref=${canvas} tabindex="0" role="slider" aria-label=${label} aria-valuemin="0" aria-valuemax="1000"
      aria-valuenow=${now} aria-valuetext=${words} aria-describedby=${describedBy} style=${{ height: `${height}px` }}
      onPointerDown=${down} onPointerMove=${move} onPointerUp=${up} onPointerLeave=${() => props.hover()}></canvas>
  </div>`;
}

/** Fills a rectangle with slanted lines: what is reserved, or not known. */
export function hatch(context, x, y, width, height, colour, gap) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = colour;
  context.beginPath();
  // The lines stand still while the rectangle moves past them.
  for (let at = Math.floor((x - height) / gap) * gap; at < x + width; at += gap) {
    context.moveTo(at, y + height);
    context.lineTo(at + height, y);
  }
  context.stroke();
  context.restore();
}

/** The button for DMA, which is off until it is asked for. */
export const DmaButton = ({ isOn, set }) => html`<button aria-pressed=${isOn} onClick=${() => set(!isOn)}
  title="The devices are slower while it is on: no access is served by an IOTLB">DMA, live (slower)</button>`;
