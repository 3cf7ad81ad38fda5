// A card per metric, under its asset; a chart is drawn when its card comes near the screen, and taken away behind it.

import { el, printable, scrolling, tableOf } from "./dom.js";
import { firstShown, pointOf } from "./data.js";
import { formatChange, formatMoment, formatValue } from "./units.js";
import { link, state } from "./state.js";
import { badge } from "./words.js";
import { forgetColours } from "./drawing.js";
import { labelOf, legend, openChart } from "./chart.js";

const NEAR = "600px";

/** Returns the section of charts: its element, and what to do with it when the state changes. */
export function chartsSection(data) {
  const cards = data.charts.map((chart) => cardOf(data, chart));
  const groups = grouped(cards);
  const observer = new IntersectionObserver((entries) => {
    for (const entry of entries) cards[Number(entry.target.dataset.number)].seen(entry.isIntersecting, entry.boundingClientRect.width);
  }, { rootMargin: `${NEAR} 0px` });
  cards.forEach((card, number) => {
    card.host.dataset.number = String(number);
    observer.observe(card.host);
  });
  return {
    element: el("div", { class: "assets" }, legend(), groups.map((group) => group.element)),
    cards,
    filter(fits) {
      let count = 0;
      for (const group of groups) {
        let any = false;
        for (const card of group.cards) {
          const shown = fits(card.chart);
          card.element.hidden = !shown;
          any ||= shown;
          count += shown;
        }
        group.element.hidden = !any;
      }
      return count;
    },
    redraw() {
      forgetColours();
      cards.forEach((card) => card.redraw());
    },
    drawAll: () => cards.forEach((card) => card.element.hidden || card.open()),
    close() {
      observer.disconnect();
      cards.forEach((card) => card.seen(false));
    },
  };
}

function grouped(cards) {
  const groups = new Map();
  for (const card of cards) {
    if (!groups.has(card.chart.asset)) groups.set(card.chart.asset, []);
    groups.get(card.chart.asset).push(card);
  }
  return [...groups].map(([asset, of]) => ({
    cards: of,
    element: el(
      "section",
      { class: "asset" },
      el("h3", {}, link({ asset, q: "", metric: "", standing: "", at: "charts" }, { title: "only this asset" }, printable(asset, 160) || "(no name)")),
      el("div", { class: "cards" }, of.map((card) => card.element)),
    ),
  }));
}

function cardOf(data, chart) {
  const readout = el("p", { class: "readout", "aria-live": "polite" });
  const host = el("div", { class: "chart", id: `plot-${chart.id}`, tabindex: "0", role: "group", "aria-roledescription": "chart", "aria-label": labelOf(chart), on: { keydown: keyed } });
  let drawn = null;
  let near = false;
  const open = (width) => { drawn ??= openChart(host, readout, data, chart, state.window, width); };
  const close = () => {
    drawn?.close();
    drawn = null;
  };
  function keyed(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity, PageUp: -10, PageDown: 10 }[event.key];
    if (step === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    open();
    drawn.move(step);
  }
  return {
    chart,
    host,
    open,
    element: el(
      "article",
      { class: "card", id: `chart-${chart.id}`, tabindex: "-1" },
      el("h4", {}, link({ at: chart.id }, { title: "link to this chart" }, title(chart)), " ", badge(chart.standing, chart.heading)),
      el("p", { class: "muted" }, facts(chart)),
      chart.finding && chart.finding.state !== "not_comparable" && el("p", {}, badge(chart.finding.state), " ", chart.finding.change ?? "", " ", chart.finding.sentence),
      host,
      readout,
      values(data, chart),
    ),
    seen(isNear, width) {
      near = isNear;
      if (near) open(width);
      else close();
    },
    redraw() {
      close();
      if (near) open();
    },
  };
}

function title(chart) {
  return chart.partition ? `${chart.metric} [${printable(chart.partition, 60)}]` : chart.metric;
}

function facts(chart) {
  const parts = [`latest ${formatValue(chart.latest, chart.unit)}`, `median ${formatValue(chart.median, chart.unit)}`, formatChange(chart.change_ratio)];
  if (chart.accepted) parts.push(`accepted ${formatValue(chart.accepted.median, chart.unit)}`);
  if (chart.notes.length) parts.push(`${chart.machine}, configuration ${chart.config}`);
  return parts.join(" · ");
}

/** Returns the values as a table, made when it is opened. */
function values(data, chart) {
  const details = el("details", { class: "values", on: { toggle } }, el("summary", {}, "values and reasons"));
  function toggle() {
    if (!details.open || details.childElementCount > 1) return;
    const rows = [];
    for (let place = chart.values.length - 1; place >= firstShown(data, chart, state.window); place -= 1) {
      const point = pointOf(data, chart, place);
      const notes = [...(point.change ? [`change of level ${formatChange(point.change.change_ratio)}`] : []), ...point.marks.map((mark) => mark[2])];
      rows.push([formatMoment(point.started), point.run.slice(0, 8), point.commit ?? "", formatValue(point.value, chart.unit), notes.join("; ")]);
    }
    const said = [...chart.reasons, ...chart.notes, ...(chart.accepted ? [`baseline ${chart.accepted.change}`] : [])];
    details.append(
      el("ul", {}, said.map((one) => el("li", {}, one))),
      scrolling(`Values of ${labelOf(chart)}`, tableOf(["began", "run", "commit", "value", "what happened"], rows)),
    );
  }
  return details;
}
