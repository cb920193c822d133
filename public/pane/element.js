// h("button", { class: "x", onclick: f }, "text", child): a DOM element. Text is only ever set as text, never parsed.

export function h(name, attributes = {}, ...children) {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value)
    else if (key === "dataset") Object.assign(element.dataset, value)
    else element.setAttribute(key, value === true ? "" : value)
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false))
  return element
}

// A button that shows an icon only: its label is what a screen reader says and what a mouse that rests on it shows.
export function iconButton(icon, label, onclick, attributes = {}) {
  return h("button", { type: "button", title: label, "aria-label": label, onclick, ...attributes }, icon)
}

// Sets `name` of `element` where it differs, so that an update that changes nothing costs no layout.
export function set(element, name, value) {
  const text = value === false || value === null || value === undefined ? null : value === true ? "" : String(value)
  if (text === null) element.removeAttribute(name)
  else if (element.getAttribute(name) !== text) element.setAttribute(name, text)
}

export function say(element, text) {
  if (element.textContent !== text) element.textContent = text
}
