// What the reasons and numbers of faults mean.

/** The common reasons: what happened, and what is to be done. */
const reasons = {
  NotAttached: "The requester, or its PASID, has no page table: its DMA is blocked. Attach an IOAS or a HWPT.",
  NotMapped: "No mapping has that address. Map it before the device uses it, and unmap it after.",
  NoPermission: "The mapping does not permit that access.",
  MemoryGone: "The mapping is there, its memory no longer is: the process ended, or its file was cut short.",
  BusMasterDisabled: "The function may not master the bus (PCI command register, bit 2): the request never left it.",
  BeyondAddressWidth: "The address is beyond the unit's address width.",
  BadTable: "The first stage's own tables are malformed, or out of the unit's reach.",
  SendBlocked: "The device's owner lets it send no requests: the request never left it.",
};

/** VT-d's fault reasons (specification 7.1.3, 7.2.3, appendix A): their name in scalable mode, and what they say. */
const codes = {
  0x2: ["", "The context entry is not present."],
  0x4: ["", "The address is beyond the width that the unit translates."],
  0x5: ["", "A write that the second stage does not permit."],
  0x6: ["", "A read that the second stage does not permit."],
  0x7: ["", "An entry of the second stage, or the page, cannot be accessed."],
  0x5a: ["SPT.3", "The root's address has bits beyond the host's address width."],
  0x5c: ["SPT.5", "A request to execute, which is not enabled."],
  0x5d: ["SPT.6", "A supervisor's request, which is not enabled."],
  0x70: ["SFS.1", "An entry of the first stage has no memory."],
  0x71: ["SFS.2", "An entry of the first stage is not present."],
  0x72: ["SFS.3", "An entry of the first stage has a reserved bit."],
  0x73: ["SFS.4", "An entry of the first stage's root has no memory."],
  0x74: ["SFS.5", "An entry's address is wider than stage 2 translates."],
  0x75: ["SFS.6", "Stage 2 does not permit reading an entry of the root."],
  0x76: ["SFS.7", "Stage 2 does not permit reading an entry."],
  0x77: ["SFS.8", "Stage 2 does not permit writing an entry that lacks A, EA or D."],
  0x78: ["SSS.1", "The memory behind stage 2 cannot be accessed."],
  0x79: ["SSS.2", "Stage 2 does not map an entry, or the page."],
  0x80: ["SGN.1", "The address is not canonical."],
  0x81: ["SGN.2", "A user's request to a supervisor's page."],
  0x84: ["SGN.5", "The page's address is wider than stage 2 translates."],
  0x85: ["SGN.6", "A write that an entry, or stage 2 of the page, does not permit."],
  0x86: ["SGN.7", "A read that stage 2 of the page does not permit."],
  0x87: ["SGN.8", "The page is in the interrupt window."],
  0x91: ["SFS.10", "An entry could not be given A, EA or D."],
};

/** What a reason means; the name itself where it is new. */
export const reasonText = (reason) => reasons[reason] ?? reason;

/** What a VT-d unit calls it; empty for 0, a request that never reached the unit, and for other units. */
export function codeText(unit, code) {
  const known = unit.startsWith("dmar") ? codes[code] : undefined;
  return code === 0 ? "" : `0x${code.toString(16)}${known ? ` ${known[0]}`.trimEnd() + `: ${known[1]}` : ""}`;
}
