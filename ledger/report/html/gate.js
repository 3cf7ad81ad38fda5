// What the gate found, the gravest first; what is well is folded away.

import { el, scrolling, tableOf } from "./dom.js";
import { nameOf } from "./data.js";
import { link } from "./state.js";
import { badge, counted } from "./words.js";

const FINDING_TITLES = ["", "asset", "metric", "change", "interval", "was", "is", "why"];

/** Returns the section of a gate. */
export function gateSection(gate, number) {
  const title = el("h2", { id: `gate-${number}`, tabindex: "-1" }, `Gate of ${gate.job} `, badge(gate.outcome ?? "unknown", gate.outcome ?? "not asked"));
  if (gate.outcome === null) return el("section", {}, title, el("p", {}, gate.why));
  const open = gate.findings.filter((finding) => finding.state !== "ok");
  const well = gate.findings.filter((finding) => finding.state === "ok");
  const runs = `${counted(gate.runs.length, "run")}${gate.commits.length ? ` at ${gate.commits.join(", ")}` : ""}`;
  return el(
    "section",
    {},
    title,
    el("p", {}, `${gate.sentence}. ${runs} against ${gate.where}.`),
    gate.causes.length > 0 && el("ul", {}, gate.causes.map((cause) => el("li", {}, cause))),
    gate.shift && el("p", {}, gate.shift),
    gate.undeclared.length > 0 && el("p", {}, `Not judged, since nobody declares them: ${gate.undeclared.join(", ")}`),
    open.length > 0 && findings(`Findings of ${gate.job} that are not well`, open),
    well.length > 0 && el("details", {}, el("summary", {}, `${well.length} well`), findings(`Findings of ${gate.job} that are well`, well)),
  );
}

function findings(label, rows) {
  return scrolling(label, tableOf(FINDING_TITLES, rows.map((one) => [
    badge(one.state, one.state === "regressed" ? `regressed (${one.severity})` : undefined),
    link({ asset: one.asset, metric: one.metric, standing: "", q: "", view: "", at: "charts" }, {}, nameOf(one)),
    `${one.metric}${one.required ? " (required)" : ""}`,
    one.change ?? "",
    one.interval ?? "",
    one.was,
    one.now,
    el("details", {}, el("summary", {}, one.sentence), el("ol", {}, one.reasons.map((reason) => el("li", {}, reason)))),
  ])));
}
