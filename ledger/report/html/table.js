// The same series as one table, for those who would rather read than look.

import { el, scrolling, tableOf } from "./dom.js";
import { nameOf } from "./data.js";
import { ABSENT, formatChange, formatValue } from "./units.js";
import { link } from "./state.js";
import { badge } from "./words.js";

const SERIES_TITLES = ["asset", "metric", "heading", "change", "median", "latest", "accepted", "limit", "gate", "runs", "machine"];

/** Returns the table of the series that fit. */
export function seriesTable(data, fits) {
  const rows = data.charts.filter(fits).map((chart) => [
    link({ view: "", at: chart.id }, {}, nameOf(chart)),
    chart.metric,
    badge(chart.standing, chart.heading),
    formatChange(chart.change_ratio),
    formatValue(chart.median, chart.unit),
    formatValue(chart.latest, chart.unit),
    chart.accepted ? formatValue(chart.accepted.median, chart.unit) : ABSENT,
    chart.accepted ? formatValue(chart.accepted.limit, chart.unit) : ABSENT,
    chart.finding ? badge(chart.finding.state) : ABSENT,
    String(chart.values.length),
    chart.machine,
  ]);
  return scrolling("All series", tableOf(SERIES_TITLES, rows, { class: "series" }));
}
