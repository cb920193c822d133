// The code tab while somebody writes in it: a text area, transparent, over the same text in colours. The browser's own
// text area brings undo, selection, screen readers and phones' keyboards; only lines that change are coloured anew.

import { endLine, newState, paint } from "./colour.js"
import { h } from "./element.js"

const PLAIN = 5000 // characters of a line beyond which it stays uncoloured: a minified page is one line

export class Editor {
  constructor(label, oninput) {
    this.lines = []
    this.rows = []
    this.states = [JSON.stringify(newState())] // before each line
    this.paper = h("div", { class: "pe-rows", "aria-hidden": "true" })
    this.area = h("textarea", {
      class: "pe-text",
      spellcheck: "false",
      autocapitalize: "off",
      autocomplete: "off",
      "aria-label": label,
      oninput: () => {
        this.colour(this.area.value)
        oninput(this.area.value)
      },
      onkeydown: (event) => this.key(event),
    })
    this.element = h("div", { class: "pe" }, h("div", { class: "pe-sheet" }, this.paper, this.area))
  }

  get text() {
    return this.area.value
  }

  set text(text) {
    this.area.value = text
    this.colour(text)
  }

  key(event) {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return
    // Tab indents; Escape takes the focus out, see Pane.escape.
    const type = (text) => {
      event.preventDefault()
      document.execCommand("insertText", false, text) // the only way that undo knows of
    }
    if (event.key === "Tab" && !event.shiftKey) type("  ")
    else if (event.key === "Enter" && !event.shiftKey) {
      const before = this.area.value.slice(0, this.area.selectionStart)
      const indent = before.slice(before.lastIndexOf("\n") + 1).match(/^[ \t]*/)[0]
      if (indent) type(`\n${indent}`)
    }
  }

  colour(text) {
    const next = text.split("\n")
    const { lines, rows, states } = this
    let from = 0
    while (from < lines.length && from < next.length && lines[from] === next[from]) from += 1
    let rest = 0
    while (rest < Math.min(lines.length, next.length) - from && lines.at(-1 - rest) === next.at(-1 - rest)) rest += 1
    const fresh = next.slice(from, next.length - rest).map(() => h("div", { class: "pc-row pe-row" }))
    const gone = rows.splice(from, rows.length - rest - from, ...fresh)
    const anchor = rows[from + fresh.length] ?? null
    for (const row of gone) row.remove()
    for (let at = 0; at < fresh.length; at += 500) {
      const some = document.createDocumentFragment()
      some.append(...fresh.slice(at, at + 500))
      this.paper.insertBefore(some, anchor)
    }
    states.splice(from + 1, gone.length, ...fresh.map(() => ""))
    this.lines = next
    for (let n = from; n < next.length; n += 1) {
      const state = JSON.parse(states[n])
      rows[n].replaceChildren()
      if (next[n].length > PLAIN) rows[n].append(next[n])
      else paint(rows[n], next[n], state)
      endLine(state)
      const after = JSON.stringify(state)
      if (n + 1 >= from + fresh.length && states[n + 1] === after) break
      states[n + 1] = after
    }
  }

  // Puts the caret at the beginning of line `number`.
  goTo(number) {
    const at = this.lines.slice(0, number - 1).reduce((sum, line) => sum + line.length + 1, 0)
    this.area.focus()
    this.area.setSelectionRange(at, at)
    this.rows[number - 1]?.scrollIntoView({ block: "center" })
  }
}
