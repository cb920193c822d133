// What of the pane there is to see and to press: two rows of tools, what has to be said, three panels and a line of facts.
// Made once; what changes is set by Pane.render.

import { h, iconButton } from "./element.js"
import { icon } from "./icons.js"
import { SHORTCUTS } from "./keyboard.js"
import { arrows } from "./layers.js"
import { WIDTHS } from "./stage.js"

const TABS = { preview: "Preview", code: "Code", console: "Console" }

export function buildControls(pane) {
  pane.root.classList.add("pv")
  pane.root.setAttribute("role", "region")
  pane.root.setAttribute("aria-label", "Page preview")
  pane.root.append(buildBar(pane), buildTabs(pane), buildNotices(pane), buildBody(pane), buildFoot(pane))
  pane.root.append(pane.menu, pane.versionList.element, pane.votes.element, pane.keys)
}

function buildBar(pane) {
  pane.dot = h("span", { class: "pc-dot", role: "img" })
  pane.title = h("span", { class: "pv-title" })
  pane.outcome = h("span", { class: "pv-outcome" })
  pane.before = iconButton(icon("back"), "Version before", () => pane.step(-1), { class: "pv-before" })
  pane.after = iconButton(icon("forward"), "Version after", () => pane.step(1), { class: "pv-after" })
  pane.number = h("button", {
    type: "button",
    class: "pv-number",
    "aria-haspopup": "dialog",
    "aria-expanded": "false",
    title: "Versions",
    onclick: () =>
      pane.layers.toggle(pane.versionList.element, {
        opener: pane.number,
        focus: pane.versionList.element.querySelector("[aria-current]"),
      }),
  })
  pane.stepper = h(
    "span",
    { class: "pv-stepper", role: "group", "aria-label": "Versions" },
    pane.before,
    pane.number,
    pane.after,
  )
  pane.pickButton = iconButton(icon("pick"), "Point at an element to change it", () => pane.picker.toggle(), {
    class: "pv-pick",
    "aria-pressed": "false",
  })
  pane.stopButton = iconButton(icon("stop"), "Stop writing", () => pane.host.stop(), { class: "pv-stop" })
  const link = (name, label, attributes, long) =>
    h(
      "a",
      {
        class: long ? "pv-item" : "pv-wide",
        title: long ? undefined : label,
        "aria-label": long ? undefined : label,
        role: long ? "menuitem" : undefined,
        ...attributes,
      },
      icon(name),
      long ? h("span", {}, label) : null,
    )
  const newTab = { target: "_blank", rel: "noopener noreferrer" }
  const links = (long) => ({
    open: link("tab", "Open in a new tab", newTab, long),
    download: link("download", "Download the HTML", { download: "" }, long),
    print: link("print", "Print", newTab, long),
  })
  const [short, long] = [links(false), links(true)]
  pane.links = [short, long]
  const item = (name, label, act) =>
    h(
      "button",
      { type: "button", class: "pv-item", role: "menuitem", onclick: () => act() },
      icon(name),
      h("span", {}, label),
    )
  pane.publish = item("share", "Publish…", () =>
    window.open(`/published?page=${encodeURIComponent(pane.shown)}`, "_blank", "noopener"),
  )
  pane.menu = h(
    "div",
    { class: "pv-layer pv-menu", role: "menu", "aria-label": "More", hidden: true, onclick: () => pane.layers.close() },
    pane.publish,
    long.open,
    long.download,
    long.print,
    item("screen", "Full screen", () => pane.fullScreen()),
    item("keyboard", "Keyboard shortcuts", () =>
      setTimeout(() => pane.layers.open(pane.keys, { opener: pane.more, focus: pane.keys })),
    ),
  )
  arrows(pane.menu, "[role=menuitem]", { vertical: true })
  pane.more = iconButton(icon("more"), "More", () => pane.layers.toggle(pane.menu, { opener: pane.more }), {
    "aria-haspopup": "menu",
    "aria-expanded": "false",
    class: "pv-more",
  })
  pane.keys = h(
    "div",
    { class: "pv-layer pv-keys", role: "dialog", "aria-label": "Keyboard shortcuts", tabindex: "-1", hidden: true },
    h("h2", {}, "Keyboard shortcuts"),
    h("p", {}, "They work while the focus is in the pane and not in a text."),
    h("dl", {}, ...SHORTCUTS.flatMap(([keys, what]) => [h("dt", {}, h("kbd", {}, keys)), h("dd", {}, what)])),
  )
  return h(
    "div",
    { class: "pv-bar" },
    pane.dot,
    pane.title,
    pane.outcome,
    pane.stepper,
    h(
      "span",
      { class: "pv-tools" },
      pane.stopButton,
      pane.pickButton,
      iconButton(icon("again"), "Load the page again", () => pane.reload(), { class: "pv-again" }),
      short.open,
      short.download,
      short.print,
      iconButton(icon("screen"), "Full screen", () => pane.fullScreen(), { class: "pv-wide" }),
      pane.more,
    ),
  )
}

function buildTabs(pane) {
  pane.badge = h("span", { class: "pv-badge", hidden: true })
  pane.tabs = {}
  for (const [name, label] of Object.entries(TABS))
    pane.tabs[name] = h(
      "button",
      {
        type: "button",
        role: "tab",
        id: `pv-tab-${name}`,
        "aria-controls": `pv-panel-${name}`,
        class: "pv-tab",
        onclick: () => pane.choose(name),
      },
      label,
      name === "console" ? pane.badge : null,
    )
  const list = h(
    "div",
    { role: "tablist", class: "pv-tablist", "aria-label": "What to show of the page" },
    ...Object.values(pane.tabs),
  )
  arrows(list, "[role=tab]", { follow: true })
  pane.widths = {}
  for (const name of Object.keys(WIDTHS)) {
    const label = WIDTHS[name] ? `As wide as a ${name}: ${WIDTHS[name]} px` : "As wide as the pane"
    pane.widths[name] = iconButton(icon(name), label, () => pane.setWidth(name), { role: "radio", class: "pv-width" })
  }
  const widths = h(
    "span",
    { role: "radiogroup", "aria-label": "Width of the page", class: "pv-widths" },
    ...Object.values(pane.widths),
  )
  arrows(widths, "[role=radio]", { follow: true })
  pane.sizes = [h("span", { class: "pv-size" }), h("span", { class: "pv-size pv-pill" })] // in the row, or over the page
  pane.wrapButton = iconButton(icon("wrap"), "Wrap long lines", () => pane.setWrap(!pane.wrap), {
    "aria-pressed": "true",
    class: "pv-wrap",
  })
  pane.copyButton = iconButton(icon("copy"), "Copy the code", () => pane.copy(), { class: "pv-copy" })
  pane.editButton = h(
    "button",
    { type: "button", class: "pv-edit", title: "Edit the code by hand", onclick: () => pane.edit() },
    icon("edit"),
    h("span", {}, "Edit"),
  )
  pane.discardButton = h("button", { type: "button", class: "pv-discard", onclick: () => pane.discard() }, "Discard")
  pane.saveButton = h(
    "button",
    { type: "button", class: "pv-primary pv-save", onclick: () => pane.save() },
    "Save version",
  )
  pane.tools = {
    preview: h("span", { class: "pv-side" }, pane.sizes[0], widths),
    code: h(
      "span",
      { class: "pv-side" },
      pane.wrapButton,
      pane.copyButton,
      pane.editButton,
      pane.discardButton,
      pane.saveButton,
    ),
    console: h("span", { class: "pv-side" }, ...pane.console.tools),
  }
  return h("div", { class: "pv-tabs" }, list, ...Object.values(pane.tools))
}

function buildNotices(pane) {
  pane.remoteText = h("span", {})
  pane.remoteButton = h("button", { type: "button", onclick: () => pane.loadRemote() })
  pane.remoteNotice = h(
    "div",
    { class: "pv-notice pv-remote", role: "status", hidden: true },
    pane.remoteText,
    pane.remoteButton,
  )
  pane.oldText = h("span", {})
  pane.oldNotice = h(
    "div",
    { class: "pv-notice pv-old", hidden: true },
    pane.oldText,
    h("button", { type: "button", onclick: () => pane.differ(pane.shown, pane.versions.at(-1).page) }, "Compare"),
    h("button", { type: "button", class: "pv-restore", onclick: () => pane.restore(pane.entry) }, "Restore"),
  )
  pane.troubleText = h("span", {})
  pane.troubleNotice = h(
    "div",
    { class: "pv-notice pv-trouble", role: "alert", hidden: true },
    icon("warning"),
    pane.troubleText,
    iconButton(icon("clear"), "Close this message", () => pane.trouble("")),
  )
  pane.newText = h("span", {})
  pane.newNotice = h(
    "div",
    { class: "pv-notice pv-new", role: "status", hidden: true },
    pane.newText,
    h("button", { type: "button", onclick: () => pane.discard() }, "Discard and show it"),
  )
  pane.live = h("div", { class: "pv-hidden", "aria-live": "polite" })
  return h(
    "div",
    { class: "pv-notices" },
    pane.remoteNotice,
    pane.oldNotice,
    pane.newNotice,
    pane.troubleNotice,
    pane.live,
  )
}

function buildBody(pane) {
  pane.code = h("div", { class: "pv-code", tabindex: "0", role: "region", "aria-label": "HTML source" })
  pane.paper = h("div", { class: "pv-paper" }, pane.code)
  const panel = (name, ...children) =>
    h(
      "div",
      {
        class: `pv-panel pv-panel-${name}`,
        role: "tabpanel",
        id: `pv-panel-${name}`,
        "aria-labelledby": `pv-tab-${name}`,
      },
      ...children,
    )
  pane.panels = {
    preview: panel("preview", pane.stage.element, pane.sizes[1], pane.picker.hint, pane.picker.element),
    code: panel("code", pane.paper),
    console: panel("console", pane.console.element),
  }
  return h("div", { class: "pv-body" }, ...Object.values(pane.panels), pane.difference.element)
}

function buildFoot(pane) {
  pane.facts = h("span", { class: "pv-facts" })
  return h("div", { class: "pv-foot" }, pane.facts, pane.votes.buttons)
}
