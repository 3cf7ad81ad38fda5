// The newest runs: how they ended, and how long they took.

import { el, scrolling, tableOf } from "./dom.js";
import { formatMoment, formatValue } from "./units.js";
import { badge } from "./words.js";

const SHOWN = 20;

/** Returns the section of the newest runs. */
export function runsSection(data) {
  const rows = data.runs.id.map((id, number) => [
    formatMoment(data.runs.started[number]),
    id.slice(0, 8),
    data.runs.job[number] ?? "",
    badge(data.runs.status[number]),
    formatValue(data.runs.duration_s[number], "s"),
    data.runs.commit[number] ?? "",
  ]).slice(-SHOWN).reverse();
  return el(
    "section",
    {},
    el("h2", { id: "runs", tabindex: "-1" }, "Newest runs"),
    rows.length ? scrolling("Newest runs", tableOf(["began", "run", "job", "status", "took", "commit"], rows)) : el("p", {}, "No runs."),
  );
}
