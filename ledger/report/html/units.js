// Writes numbers as the command line does (ledger/units.py), and moments in UTC.

export const ABSENT = "–";
const MIB = 1024 * 1024;

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0, roundingMode: "halfEven" });
const TENTHS = new Intl.NumberFormat("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1, roundingMode: "halfEven" });

/** Returns a measured value as people read it. */
export function formatValue(value, unit) {
  if (value === null || value === undefined) return ABSENT;
  if (unit === "s") return value < 0 ? `-${formatSeconds(-value)}` : formatSeconds(value);
  if (unit === "bytes") return `${TENTHS.format(value / MIB)} MiB`;
  if (unit === "ratio") return value.toFixed(4);
  if (unit === "rows" || unit === "count") return WHOLE.format(value);
  if (unit === "rows/s") return `${WHOLE.format(value)}/s`;
  return general(value);
}

/** Returns a number with six digits, as `%g` writes it. */
function general(value) {
  const [digits, power] = value.toExponential(5).split("e");
  if (value === 0 || (Number(power) >= -4 && Number(power) < 6)) return String(Number(value.toPrecision(6)));
  return `${Number(digits)}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

/** Returns a duration in the largest fitting unit. */
export function formatSeconds(value) {
  if (value < 0.001 - 0.5e-6) return `${(value * 1e6).toFixed(0)} µs`;
  if (value < 1 - 0.5e-3) return `${(value * 1000).toFixed(0)} ms`;
  if (value < 60 - 0.5e-2) return `${value.toFixed(2)} s`;
  const whole = Math.round(value);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** Returns a relative change with its sign. */
export function formatChange(ratio) {
  return ratio === null || ratio === undefined ? ABSENT : `${ratio >= 0 ? "+" : ""}${(ratio * 100).toFixed(1)}%`;
}

/** Returns a moment, given in seconds since 1970, to the minute in UTC. */
export function formatMoment(seconds) {
  return seconds === null ? ABSENT : `${new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
