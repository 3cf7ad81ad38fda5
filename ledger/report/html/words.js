// Words and signs: colour never says anything alone.

import { el } from "./dom.js";

export const STANDINGS = { worse: "getting worse", unknown: "undecided", steady: "flat", better: "getting better" };
const TONES = {
  worse: "bad", regressed: "bad", FAIL: "bad", error: "bad", critical: "bad", failed: "bad", lost: "bad",
  WARN: "warn", warning: "warn", unknown: "open", inconclusive: "open", not_comparable: "open", INCONCLUSIVE: "open",
  incomplete: "warn", canceled: "warn", running: "open", steady: "calm",
  better: "good", improved: "good", ok: "good", PASS: "good", success: "good",
};
const SIGNS = { bad: "▲", warn: "◆", open: "?", calm: "–", good: "✓" };
const STATES = { inconclusive: "undecided", not_comparable: "not comparable" };

/** Returns a word as a badge, with a sign and a colour. */
export function badge(word, shown = STATES[word] ?? word) {
  const tone = TONES[word] ?? "calm";
  return el("span", { class: `badge ${tone}` }, el("span", { "aria-hidden": "true" }, SIGNS[tone]), ` ${shown}`);
}

/** Returns how many there are of something. */
export function counted(number, word) {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}
