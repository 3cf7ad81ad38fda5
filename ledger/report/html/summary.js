// The top of the page: is it ready, what does the gate say, where is it heading; blockers open with one click.

import { el } from "./dom.js";
import { formatMoment } from "./units.js";
import { link, setState } from "./state.js";
import { STANDINGS, badge, counted } from "./words.js";
import { evidenceOf } from "./evidence.js";

const SHOWN_WORSE = 3;

/** Returns the summary of a report. */
export function summaryOf(data) {
  return el(
    "header",
    {},
    el("h1", {}, data.title),
    el("p", { class: "muted" }, `${data.window}; newest run ${formatMoment(data.as_of)}`),
    data.problems.map((problem) => el("p", { class: "notice bad", role: "note" }, `Not read: ${problem}`)),
    el("div", { class: "verdicts" }, readinessCard(data.readiness), data.gates.map(gateCard), trendsCard(data)),
  );
}

function readinessCard(readiness) {
  if (readiness.ready === null) {
    return card("Readiness", badge("unknown", "not judged"), el("p", {}, readiness.why));
  }
  const blockers = readiness.items.filter((item) => item.critical && !item.holds);
  return card(
    "Readiness",
    badge(readiness.ready ? "ok" : "FAIL", readiness.ready ? "READY" : "NOT READY"),
    el("p", {}, readiness.sentence.replace(/^(NOT )?READY: /, "")),
    blockers.map(blocker),
    el("p", {}, link({ at: "readiness" }, {}, "the whole checklist")),
  );
}

/** Returns a blocker: what it asks and what was found, and with one click its remedy and evidence. */
function blocker(item) {
  return el(
    "details",
    { class: "blocker", "data-key": `blocker ${item.name}` },
    el("summary", {}, el("strong", {}, item.name), " ", item.sentence),
    item.asks && el("p", { class: "muted" }, item.asks),
    item.remedy && el("p", {}, el("strong", {}, "What to do: "), item.remedy),
    el("div", { class: "evidence" }, evidenceOf(item.evidence)),
  );
}

function gateCard(gate, number) {
  if (gate.outcome === null) {
    return card(`Gate of ${gate.job}`, badge("unknown", "not asked"), el("p", {}, gate.why));
  }
  const worse = gate.findings.filter((finding) => finding.state === "regressed");
  return card(
    `Gate of ${gate.job}`,
    badge(gate.outcome),
    el("p", {}, gate.coverage),
    worse.length > 0 && el("ul", {}, worse.slice(0, SHOWN_WORSE).map((one) => el("li", {},
      link({ asset: one.asset, metric: one.metric, standing: "", q: "", view: "", at: "charts" }, {}, `${one.asset} ${one.metric} ${one.change ?? ""}`)))),
    el("p", {}, link({ at: `gate-${number}` }, {}, counted(gate.findings.length, "finding"))),
  );
}

function trendsCard(data) {
  const told = Object.entries(STANDINGS).filter(([standing]) => data.standings[standing]);
  return card(
    "Trends",
    badge(told.length ? told[0][0] : "unknown", told.length ? STANDINGS[told[0][0]] : "no histories"),
    el("ul", { class: "plain" }, told.map(([standing, words]) => el(
      "li",
      {},
      el("button", { type: "button", class: "link", on: { click: () => setState({ standing, at: "charts" }) } },
        `${data.standings[standing]} ${words}`),
    ))),
  );
}

function card(title, sign, ...content) {
  return el("section", { class: "verdict" }, el("h2", {}, title, " ", sign), content);
}
