// The whole checklist with its evidence, and the sections that operations reviews.

import { el, scrolling, tableOf } from "./dom.js";
import { badge } from "./words.js";
import { evidenceOf } from "./evidence.js";

/** Returns the section of readiness. */
export function readinessSection(readiness) {
  const title = el("h2", { id: "readiness", tabindex: "-1" }, "Readiness");
  if (readiness.ready === null) return el("section", {}, title, el("p", {}, readiness.why));
  const ordered = [...readiness.items].sort((one, other) => rank(one) - rank(other));
  return el(
    "section",
    {},
    title,
    el("p", {}, `${readiness.sentence}. Judged at ${readiness.at.slice(0, 16).replace("T", " ")} UTC.`),
    ordered.map((item) => el(
      "details",
      { class: "item", "data-key": `item ${item.name}` },
      el("summary", {}, badge(...wordOf(item)), " ", el("strong", {}, item.name), " ", item.sentence),
      item.asks && el("p", { class: "muted" }, item.asks),
      item.remedy && el("p", {}, el("strong", {}, "What to do: "), item.remedy),
      el("div", { class: "evidence" }, evidenceOf(item.evidence)),
    )),
    readiness.sections.map((section) => el(
      "details",
      { class: "item", "data-key": `section ${section.title}` },
      el("summary", {}, `${section.title} (${section.rows.length})`),
      section.rows.length
        ? scrolling(section.title, tableOf(section.columns, section.rows))
        : el("p", {}, "None."),
    )),
  );
}

function rank(item) {
  return (item.critical && !item.holds ? 0 : 2) + (item.critical ? 0 : 1);
}

function wordOf(item) {
  if (item.holds) return ["ok", "holds"];
  return item.critical ? ["FAIL", "blocks"] : ["warning", "advice"];
}
