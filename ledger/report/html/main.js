// The page: put together from the data, and kept to the state of the address.

import { el } from "./dom.js";
import { embedded } from "./data.js";
import { onState, readState, state } from "./state.js";
import { summaryOf } from "./summary.js";
import { gateSection } from "./gate.js";
import { readinessSection } from "./readiness.js";
import { chartsSection } from "./cards.js";
import { seriesTable } from "./table.js";
import { filterBar, fits } from "./filters.js";
import { runsSection } from "./runs.js";
import { follow, liveTerms } from "./progress.js";
import { keysOf } from "./keys.js";

const place = document.getElementById("page");
const running = el("section", { class: "live", "aria-label": "Running now" });
const keys = keysOf();
let shown = null;

/** Shows a report in place of the one before; what was open and where somebody was stays so. */
function render(data) {
  const opened = new Set([...place.querySelectorAll("details[open][data-key]")].map((one) => one.dataset.key));
  const [focused, from] = [document.activeElement?.id, window.scrollY];
  shown?.charts.close();
  const charts = chartsSection(data);
  const bar = filterBar(data);
  const table = el("div", {});
  shown = { data, charts, bar, table };
  place.replaceChildren(
    keys,
    summaryOf(data),
    ...(liveTerms().every ? [running] : []),
    el(
      "main",
      {},
      el("section", {}, el("h2", { id: "charts", tabindex: "-1" }, "Metrics"), bar.element, table, charts.element),
      data.gates.map(gateSection),
      readinessSection(data.readiness),
      runsSection(data),
    ),
  );
  apply();
  for (const one of place.querySelectorAll("details[data-key]")) one.open = opened.has(one.dataset.key);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  window.scrollTo({ top: from });
}

/** Shows what the state asks for. */
function apply() {
  const { data, charts, bar, table } = shown;
  document.documentElement.dataset.theme = state.theme;
  const asTable = state.view === "table";
  charts.element.hidden = asTable;
  table.replaceChildren(...(asTable ? [seriesTable(data, fits)] : []));
  bar.show(charts.filter(fits));
}

/** Brings what the address points at onto the screen. */
function goTo() {
  const target = document.getElementById(state.at) ?? document.getElementById(`chart-${state.at}`);
  if (!state.at || !target) return;
  target.scrollIntoView({ block: "start" });
  target.focus({ preventScroll: true });
}

onState((names) => {
  apply();
  if (names.includes("window") || names.includes("theme")) shown.charts.redraw();
  if (names.includes("at")) goTo();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => shown.charts.redraw());
window.addEventListener("beforeprint", () => {
  document.documentElement.dataset.theme = "light";
  shown.charts.redraw();
  shown.charts.drawAll();
});
window.addEventListener("afterprint", () => {
  apply();
  shown.charts.redraw();
});

readState();
render(await embedded());
goTo();
performance.mark("ready");
document.documentElement.dataset.ready = "true";
if (liveTerms().every) follow(running, (data) => render(data));
