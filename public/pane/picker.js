// Pointing at an element of the page and saying what to change about it.
//
// The page outlines what is pointed at and reports its choice (htmlgen/prelude.js); that report is the page's word, so it is
// shown before anything is sent, counts once, and only while the reader is choosing.

import { h, say } from "./element.js"
import { icon } from "./icons.js"

export class Picker {
  // `send({path, markup, instruction})` asks for the change; `tell(message)` speaks to the page.
  constructor(layers, { send, tell, focus, changed }) {
    Object.assign(this, { layers, send, tell, focus, changed })
    this.choosing = false
    this.chosen = null
    this.hint = h(
      "div",
      { class: "pv-hint", role: "status", hidden: true },
      icon("pick"),
      h("span", {}, "Click the element to change. With the keyboard: arrow keys, then Enter. Esc ends it."),
    )
    this.path = h("code", { class: "pk-path" })
    this.markup = h("code", {})
    this.words = h("textarea", {
      class: "pk-words",
      rows: "2",
      maxlength: "4000",
      required: true,
      placeholder: "What should change about it?",
      "aria-label": "What should change about this element",
      onkeydown: (event) => {
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
          event.preventDefault()
          this.element.requestSubmit()
        }
      },
    })
    this.element = h(
      "form",
      {
        class: "pv-layer pk",
        "aria-label": "Change an element",
        hidden: true,
        onsubmit: (event) => this.submit(event),
      },
      h("div", { class: "pk-what" }, icon("pick"), this.path),
      h("pre", { class: "pk-markup", tabindex: "0", "aria-label": "The element's markup" }, this.markup),
      h(
        "div",
        { class: "pk-row" },
        this.words,
        h(
          "button",
          { class: "pv-primary", title: "Ask for the change", "aria-label": "Ask for the change" },
          icon("send"),
        ),
      ),
    )
  }

  toggle() {
    if (this.choosing || this.chosen) this.end()
    else this.begin()
  }

  begin() {
    this.layers.close(false)
    this.choosing = true
    this.hint.hidden = false
    this.tell({ kind: "pick", on: true })
    this.focus()
    this.changed(true)
  }

  hear(report) {
    if (!this.choosing) return
    if (report.kind === "unpicked") return this.end()
    this.choosing = false
    this.hint.hidden = true
    this.chosen = report
    say(this.path, report.path || "an element")
    say(this.markup, report.markup)
    this.words.value = ""
    this.layers.open(this.element, { focus: this.words, closed: () => this.end() })
  }

  submit(event) {
    event.preventDefault()
    const instruction = this.words.value.trim()
    if (!instruction || !this.chosen) return
    const { path, markup } = this.chosen
    this.end()
    this.send({ path, markup, instruction })
  }

  end() {
    const active = this.choosing || this.chosen
    this.choosing = false
    this.chosen = null
    this.hint.hidden = true
    if (this.layers.top?.element === this.element) this.layers.close()
    if (!active) return
    this.tell({ kind: "pick", on: false })
    this.changed(false)
  }
}
