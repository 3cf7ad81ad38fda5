// Evidence of the checklist: nested lists of names and values, as they were seen.

import { el } from "./dom.js";

/** Returns a value of evidence as an element. */
export function evidenceOf(value) {
  if (Array.isArray(value)) {
    return value.length ? el("ul", {}, value.map((one) => el("li", {}, evidenceOf(one)))) : el("span", {}, "none");
  }
  if (value !== null && typeof value === "object") {
    const names = Object.keys(value);
    if (!names.length) return el("span", {}, "none");
    return el("dl", {}, names.map((name) => [el("dt", {}, name), el("dd", {}, evidenceOf(value[name]))]));
  }
  return el("span", {}, value === null ? "not known" : String(value));
}
