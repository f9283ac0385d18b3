// Boxes and arrows that fit the width: rows side by side where there is room, else below one another.
import { html, useEffect, useRef, useState } from "../html.js";

const char = 7.3; // a character of the 12 px font, a little more than it is
const line = 16;
const wideFrom = 680;

/** The width of an element in pixels, and what to give it as ref. */
export function useWidth(first = 800) {
  const ref = useRef(null);
  const [width, set] = useState(first);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => set(Math.max(Math.floor(entry.contentRect.width), 200)));
    watch.observe(ref.current);
    return () => watch.disconnect();
  }, []);
  return [width, ref];
}

function wrap(text, width) {
  const most = Math.max(Math.floor((width - 18) / char), 8);
  const indent = /^ */.exec(text)[0];
  const lines = [];
  let now = indent;
  for (const word of text.trim().split(" ")) {
    const isFirst = now.trim() === "";
    if (!isFirst && now.length + 1 + word.length > most) { lines.push(now); now = `${indent}  ${word}`; }
    else now += isFirst ? word : ` ${word}`;
    while (now.length > most) { lines.push(now.slice(0, most)); now = `${indent}  ${now.slice(most)}`; }
  }
  return [...lines, now];
}

// Puts the boxes into places. A row is {boxes, border}; a box is {id, title, lines, on, weight}.
function place(rows, edges, width) {
  const isWide = width >= wideFrom;
  const flat = isWide ? rows : rows.flatMap((row) =>
    row.boxes.map((one, i) => ({ boxes: [one], border: i === 0 ? row.border : null })));
  const order = new Map(flat.flatMap((row, i) => row.boxes.map((one) => [one.id, i])));
  const far = isWide ? [] : edges.filter((e) => Math.abs(order.get(e.to) - order.get(e.from)) > 1);
  const left = far.length ? 10 + 9 * far.length : 1;
  const between = isWide ? 56 : 0;
  const boxes = new Map();
  const borders = [];
  let y = 1;
  flat.forEach((row, i) => {
    const labels = edges.filter((e) => e.label && Math.max(order.get(e.to), order.get(e.from)) === i
      && order.get(e.to) !== order.get(e.from)).length;
    if (i > 0) y += 22 + line * (isWide ? Math.min(labels, 1) : labels);
    if (row.border) {
      borders.push({ y: y + 10, words: row.border });
      y += isWide ? 34 : 50;
    }
    const total = row.boxes.reduce((sum, one) => sum + (one.weight ?? 1), 0);
    const room = width - left - 1 - between * (row.boxes.length - 1);
    let x = left;
    let height = 0;
    const placed = row.boxes.map((one) => {
      const w = Math.floor(room * (one.weight ?? 1) / total);
      const lines = one.lines.flatMap((text) => wrap(text, w));
      const title = wrap(one.title, w);
      const put = { ...one, title, lines, x, y, w };
      height = Math.max(height, 16 + line * (title.length + lines.length));
      x += w + between;
      return put;
    });
    for (const one of placed) boxes.set(one.id, { ...one, h: height });
    y += height;
  });
  return { boxes, borders, far, order, height: y + 2 };
}

// The line of an edge, where its arrow ends and where its label stands.
function route(edge, { boxes, far, order }, used) {
  const from = boxes.get(edge.from);
  const to = boxes.get(edge.to);
  if (order.get(edge.from) === order.get(edge.to)) {
    const isRight = to.x > from.x;
    const y = from.y + Math.min(from.h, to.h) / 2;
    const end = isRight ? to.x : to.x + to.w;
    return { path: `M${isRight ? from.x + from.w : from.x} ${y}H${end}`, end: [end, y], turn: isRight ? 0 : 180 };
  }
  const isDown = to.y > from.y;
  const [upper, lower] = isDown ? [from, to] : [to, from];
  const spot = used.get(lower.id) ?? 0;
  if (edge.label) used.set(lower.id, spot + 1);
  const lane = far.indexOf(edge);
  if (lane >= 0) {
    const x = 4 + 9 * lane;
    const begin = from.y + 14;
    const end = to.y + 14;
    return { path: `M${from.x} ${begin}H${x}V${end}H${to.x}`, end: [to.x, end], turn: 0,
      label: [upper.x + 34, lower.y - 8 - line * spot] };
  }
  const middle = (Math.max(upper.x, lower.x) + Math.min(upper.x + upper.w, lower.x + lower.w)) / 2;
  const x = Math.round(far.length || boxes.size && upper.w === lower.w && upper.x === lower.x && upper.x < 60
    ? upper.x + 24 : middle);
  const end = isDown ? lower.y : upper.y + upper.h;
  return { path: `M${x} ${isDown ? upper.y + upper.h : lower.y}V${end}`, end: [x, end], turn: isDown ? 90 : 270,
    label: [x + 10, lower.y - 8 - line * spot] };
}

/** Boxes in rows, with arrows between them. `words` says the same to those who do not see it. */
export function Diagram({ words, rows, edges }) {
  const [width, ref] = useWidth();
  const there = new Set(rows.flatMap((row) => row.boxes.map((one) => one.id)));
  const shown = edges.filter((e) => there.has(e.from) && there.has(e.to));
  const layout = place(rows, shown, width);
  const used = new Map();
  return html`
    <div class="diagram" ref=${ref}>
      <svg role="img" aria-label=${words} width=${width} height=${layout.height}
        viewBox=${`0 0 ${width} ${layout.height}`}>
        ${layout.borders.map(({ y, words: [above, below] }) => html`
          <line class="border" x1="0" x2=${width} y1=${y} y2=${y} />
          <text class="side" x=${width - 2} y=${y - 5} text-anchor="end">${above}</text>
          <text class="side" x=${width - 2} y=${y + 14} text-anchor="end">${below}</text>`)}
        ${shown.map((edge) => {
          const { path, end, turn, label } = route(edge, layout, used);
          return html`
            <g class=${edge.on ? "edge on" : "edge"}>
              <path d=${path} />
              <path class="head" d="M0 0L-9 -4.5V4.5Z" transform=${`translate(${end[0]} ${end[1]}) rotate(${turn})`} />
              ${label && edge.label ? html`<text x=${label[0]} y=${label[1]}>${edge.label}</text>` : null}
            </g>`;
        })}
        ${[...layout.boxes.values()].map((one) => html`
          <g class=${one.on ? "box on" : "box"} data-box=${one.id}>
            <rect x=${one.x} y=${one.y} width=${one.w} height=${one.h} rx="5" />
            ${one.title.map((text, i) => html`
              <text class="title" x=${one.x + 9} y=${one.y + 19 + line * i}>${text}</text>`)}
            ${one.lines.map((text, i) => html`
              <text x=${one.x + 9} y=${one.y + 19 + line * (one.title.length + i)}>${text}</text>`)}
          </g>`)}
      </svg>
    </div>`;
}
