// What a walk's answer looks like. Pure functions of api/walk.
import { hex, parseAddress } from "./addresses.js";

const stages = { Attachment: "device", First: "stage 1", Second: "stage 2", Process: "process", Context: "context" };

/** Who takes a step, and at which level: "stage 1, level 3". */
export const whoOf = (step) => `${stages[step.stage] ?? step.stage}${step.isKept ? ", IOTLB"
  : step.level && step.entry ? `, level ${step.level}` : step.stage === "First" && !step.isFault ? ", page" : ""}`;

/** An address of 16 digits, in groups of four. */
export const digits = (text) => {
  const address = parseAddress(text);
  return address === null ? text : `0x${address.toString(16).padStart(16, "0")}`;
};

/**
 * The request's address cut into what each level uses, from the highest bit: {name, bits, value, level}. Level 0 is the
 * offset in the page, null is what no level uses. Null if no step says which bits it uses.
 */
export function cut(address, steps) {
  const uses = steps.filter((s) => s.uses && !s.isKept).map((s) => ({ ...s.uses, level: s.entry ? s.level : 0 }));
  if (!uses.length) return null;
  const parts = [];
  const known = new Map(uses.map((u) => [u.first, u])); // an entry that was read twice counts once
  let next = 64;
  for (const use of [...known.values()].sort((a, b) => b.first - a.first)) {
    if (use.first + use.count < next) add(use.first + use.count, next - use.first - use.count, null);
    add(use.first, use.count, use.level);
    next = use.first;
  }
  if (next > 0) add(0, next, null);
  return parts;

  function add(first, count, level) {
    const value = (address >> BigInt(first)) & ((1n << BigInt(count)) - 1n);
    parts.push({ first, count, level, value: hex(value), bits: value.toString(2).padStart(count, "0"),
      name: level === null ? (first ? "above" : "not used yet") : level ? `level ${level}` : "offset" });
  }
}

/** What memory says and what the IOTLB keeps: {memory, kept, differs}; null if the IOTLB keeps nothing. */
export function comparison(steps) {
  const kept = steps.find((s) => s.isKept);
  if (!kept) return null;
  const differs = !kept.says.includes("as the tables say");
  const leaf = steps.findLast((s) => s.stage === "First" && s.fields?.length && !s.isKept);
  const page = leaf?.fields.find((f) => f.name === "ADDR");
  return { differs, kept: kept.says.replace(/^IOTLB: /, "").replace(/, (as|the) tables.*$/, ""),
    memory: page ? `the entry of level ${leaf.level} leads to guest-physical ${page.value}`
      : "no entry leads to a page" };
}

/** How a walk ends, in words. */
export const endOf = (answer) => (answer.reason === "None" ? "The address is translated."
  : `The access faults: ${answer.reason}.`);

/** The bits of a field: "51:12" or "7". */
export const bitsText = ({ first, count }) => (count === 1 ? `${first}` : `${first + count - 1}:${first}`);
