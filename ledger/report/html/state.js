// What is shown, kept in the fragment of the address, so that a link gives back the same page.

import { el } from "./dom.js";

const NAMES = ["q", "asset", "metric", "standing", "window", "view", "theme", "at"];
const listeners = [];
const leads = new WeakMap();

export const state = {};

/** Reads the state from the address. */
export function readState() {
  const told = new URLSearchParams(location.hash.slice(1));
  for (const name of NAMES) state[name] = told.get(name) ?? "";
}

/** Returns the fragment of a state that differs from this one in some names. */
export function fragment(changes = {}) {
  const told = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...state, ...changes })) if (value) told.set(name, value);
  return `#${told}`;
}

/** Changes the state and the address, and tells whoever listens what was changed. */
export function setState(changes) {
  Object.assign(state, changes);
  history.replaceState(null, "", fragment());
  announce(Object.keys(changes));
}

/** Calls a function with the names that changed, whenever the state does. */
export function onState(listener) {
  listeners.push(listener);
}

function announce(names) {
  for (const listener of listeners) listener(names);
}

/** Returns a link that changes the state in some names, whatever the others are when it is followed. */
export function link(changes, attributes, ...children) {
  const made = el("a", { ...attributes, href: fragment(changes) }, ...children);
  leads.set(made, changes);
  return made;
}

function refresh(event) {
  const found = event.target.closest?.("a");
  if (leads.has(found)) found.href = fragment(leads.get(found));
}

for (const event of ["pointerover", "focusin", "click"]) document.addEventListener(event, refresh, true);
document.addEventListener("click", (event) => {
  // Where the address stays the same nothing would happen, though the page may have been scrolled meanwhile.
  const found = event.target.closest?.("a");
  if (leads.has(found) && found.hash === location.hash) announce(["at"]);
});
window.addEventListener("hashchange", () => {
  readState();
  announce(NAMES);
});
