// Keys of the page; none is taken while somebody types.

import { el } from "./dom.js";
import { setState, state } from "./state.js";

const HELP = [["/", "find"], ["t", "charts or table"], ["d", "dark, light, or as the system says"], ["j / k", "next, previous chart"],
  ["← →", "runs of the chart that has the focus"], ["Home End", "its first, its last run"], ["?", "these keys"]];
const THEMES = ["", "dark", "light"];

/** Returns the button and the list of keys, and listens to them. */
export function keysOf() {
  const list = el("dialog", { class: "keys", "aria-label": "Keys" },
    el("dl", {}, HELP.map(([key, words]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, words)])),
    el("button", { type: "button", on: { click: () => list.close() } }, "Close"));
  const actions = {
    "/": () => document.getElementById("filter-q").focus(),
    t: () => setState({ view: state.view ? "" : "table" }),
    d: nextTheme,
    j: () => walk(1),
    k: () => walk(-1),
    "?": () => list.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea, dialog");
    if (typing || event.ctrlKey || event.altKey || event.metaKey || !actions[event.key]) return;
    event.preventDefault();
    actions[event.key]();
  });
  return el(
    "div",
    { class: "tools" },
    el("button", { type: "button", on: { click: nextTheme } }, "Dark or light"),
    el("button", { type: "button", on: { click: () => window.print() } }, "Print"),
    el("button", { type: "button", on: { click: () => list.showModal() } }, "Keys"),
    list,
  );
}

function nextTheme() {
  setState({ theme: THEMES[(THEMES.indexOf(state.theme) + 1) % THEMES.length] });
}

function walk(step) {
  const charts = [...document.querySelectorAll(".card:not([hidden]) .chart")].filter((chart) => !chart.closest("[hidden]"));
  const now = charts.indexOf(document.activeElement);
  const to = charts[Math.min(Math.max(now + step, 0), charts.length - 1)];
  to?.focus();
  to?.closest(".card").scrollIntoView({ block: "center" });
}
