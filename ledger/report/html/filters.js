// What is shown of the charts: by name, metric and standing, over which runs, as charts or as a table.

import { el, printable } from "./dom.js";
import { nameOf } from "./data.js";
import { setState, state } from "./state.js";
import { STANDINGS } from "./words.js";

const WINDOWS = { "": "all runs of the report", n20: "last 20 runs", n50: "last 50 runs", n100: "last 100 runs", d7: "last 7 days", d30: "last 30 days", d90: "last 90 days" };
const HALVES = /\p{Cs}/gu;
const FIELDS = ["q", "metric", "standing", "window", "view"];

/** Returns whether a chart fits the state. */
export function fits(chart) {
  const words = state.q.toLowerCase();
  return (!state.asset || same(chart.asset, state.asset))
    && (!state.metric || same(chart.metric, state.metric))
    && (!state.standing || chart.standing === state.standing)
    && (!words || `${nameOf(chart)} ${chart.metric}`.toLowerCase().includes(words));
}

/** Returns whether two names are the same in an address, which has no place for half a character. */
function same(one, other) {
  return one.replace(HALVES, "\ufffd") === other.replace(HALVES, "\ufffd");
}

/** Returns the bar of filters: its element, and how to show what holds. */
export function filterBar(data) {
  const metrics = [...new Set(data.charts.map((chart) => chart.metric))].sort();
  const fields = {
    q: el("input", { type: "search", id: "filter-q", autocomplete: "off", on: { input: (event) => setState({ q: event.target.value }) } }),
    metric: choice("metric", { "": "all metrics", ...Object.fromEntries(metrics.map((name) => [name, name])) }),
    standing: choice("standing", { "": "however it stands", ...STANDINGS }),
    window: choice("window", WINDOWS),
    view: choice("view", { "": "charts", table: "table" }),
  };
  const labels = { q: "Find", metric: "Metric", standing: "Standing", window: "Runs", view: "Shown as" };
  const asset = el("button", { type: "button", on: { click: () => setState({ asset: "" }) } });
  const count = el("output", { class: "muted", "aria-live": "polite" });
  return {
    element: el(
      "form",
      { class: "filters", role: "search", "aria-label": "Charts", on: { submit: (event) => event.preventDefault() } },
      FIELDS.map((name) => el("label", { for: `filter-${name}` }, el("span", {}, labels[name]), fields[name])),
      el("button", { type: "button", on: { click: () => setState({ q: "", asset: "", metric: "", standing: "", window: "" }) } }, "Show all"),
      asset,
      count,
    ),
    show(shown) {
      for (const name of FIELDS) if (fields[name].value !== state[name]) fields[name].value = state[name];
      asset.hidden = !state.asset;
      asset.textContent = `only ${printable(state.asset, 40)} ×`;
      count.textContent = `${shown} of ${data.charts.length} series`;
    },
  };
}

function choice(name, options) {
  return el(
    "select",
    { id: `filter-${name}`, on: { change: (event) => setState({ [name]: event.target.value }) } },
    Object.entries(options).map(([value, words]) => {
      const option = el("option", {}, words);
      option.value = value;
      return option;
    }),
  );
}
