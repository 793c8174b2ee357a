// @ts-check
// Elements from plain data. Text is always text: nothing here reads markup, so names from logs stay names.

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * An element. Properties beginning with `on` are listeners; `class`, `data-*`, `aria-*` and the like are attributes.
 * @param {string} tag @param {Record<string, any>} [props] @param {...(Child | Child[])} children
 * @returns {any}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  apply(element, props);
  element.append(...nodes(children));
  return element;
}

/** An element of a drawing. @param {string} tag @param {Record<string, any>} [props] @param {...Child} children @returns {any} */
export function s(tag, props = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  apply(element, props);
  element.append(...nodes(children));
  return element;
}

/** @param {Element} element @param {Record<string, any>} props */
function apply(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** @param {(Child | Child[])[]} children @returns {(Node | string)[]} */
function nodes(children) {
  const kept = children.flat().filter((child) => child !== null && child !== undefined && child !== false);
  return kept.map((child) => (child instanceof Node ? child : String(child)));
}

/** @param {Element} element @param {...(Child | Child[])} children */
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
}

/**
 * Refills only when what it shows has changed, so that the focus and the selection stay where they are.
 * @param {any} element @param {unknown} shown @param {() => (Child | Child[])} make
 */
export function refill(element, shown, make) {
  const now = JSON.stringify(shown);
  if (element.shown === now) return;
  element.shown = now;
  const focused = document.activeElement?.getAttribute("data-key");
  fill(element, make());
  if (focused && !element.contains(document.activeElement)) {
    element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }
}

/** To what has this key, once it is there. @param {string} key */
export function focusKey(key) {
  setTimeout(() => /** @type {HTMLElement | null} */ (document.querySelector(`[data-key="${CSS.escape(key)}"]`))?.focus(), 0);
}

/** What `refill` takes: what is shown, and how that is made. @typedef {[unknown, () => (Child | Child[])]} View */

/** Words, where there is nothing else to show. @param {string} text @returns {View} */
export function note(text) {
  return [text, () => h("p", { class: "note body" }, text)];
}

/** @param {string} label @param {() => void} act @param {Record<string, any>} [props] */
export function button(label, act, props = {}) {
  return h("button", { type: "button", onclick: act, ...props }, label);
}

/**
 * Buttons of which one is pressed.
 * @param {string} label @param {[string, string][]} options value and words @param {string} chosen @param {(value: string) => void} act
 */
export function choice(label, options, chosen, act) {
  const one = (/** @type {[string, string]} */ [value, words]) =>
    button(words, () => act(value), { "aria-pressed": String(value === chosen), "data-key": `${label} ${value}` });
  return h("div", { class: "segmented", role: "group", "aria-label": label }, options.map(one));
}

/** Offers a file to the person. @param {string} name @param {Blob} blob */
export function download(name, blob) {
  const url = URL.createObjectURL(blob);
  const link = h("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
