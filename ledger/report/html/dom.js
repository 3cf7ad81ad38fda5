// Makes elements. Text goes in as text and attributes by name: nothing in this page is ever parsed as markup.

const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;
const NAMED_ESCAPES = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** Returns text on one line, every invisible character as its escape, cut to `limit` characters. */
export function printable(text, limit = 400) {
  const cut = text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
  return cut.replace(HIDDEN, (character) => {
    const code = character.codePointAt(0);
    const hex = (digits) => code.toString(16).padStart(digits, "0");
    if (NAMED_ESCAPES[character]) return NAMED_ESCAPES[character];
    if (code < 0x100) return `\\x${hex(2)}`;
    return code < 0x10000 ? `\\u${hex(4)}` : `\\U${hex(8)}`;
  });
}

/**
 * Returns an element.
 *
 * `attributes` are set by name, `on` is a map of listeners; `null`, `undefined` and `false` leave an attribute away.
 * Children are elements or texts; `null`, `undefined` and `false` are left away.
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    } else if (value !== null && value !== undefined && value !== false) {
      made.setAttribute(name, value === true ? "" : printable(String(value), 20000));
    }
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    made.append(child instanceof Node ? child : printable(String(child), 1000));
  }
  return made;
}

/** Returns a table in a box that scrolls by itself, so that the page never scrolls sideways. */
export function scrolling(label, table) {
  return el("div", { class: "scroll", role: "region", "aria-label": label, tabindex: "0" }, table);
}

/** Returns a table of a heading and rows of cells; a cell is an element or a text. */
export function tableOf(titles, rows, attributes = {}) {
  return el(
    "table",
    attributes,
    el("thead", {}, el("tr", {}, titles.map((title) => el("th", { scope: "col" }, title)))),
    el("tbody", {}, rows.map((row) => (row instanceof Node ? row : el("tr", {}, row.map(cellOf))))),
  );
}

function cellOf(content) {
  return content instanceof Node && content.tagName === "TD" ? content : el("td", {}, content);
}
