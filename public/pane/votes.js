// Thumbs on a page, with a comment if its reader wishes. What was voted trains the next adapter.

import { h, iconButton, set } from "./element.js"
import { icon } from "./icons.js"

export class Votes {
  // `send({page, value, comment})` keeps a vote; a promise of whether it was.
  constructor(layers, send) {
    Object.assign(this, { layers, send })
    this.page = ""
    this.given = new Map() // page -> value, what was pressed here and the server may not have told yet
    this.up = iconButton(icon("thumbUp"), "Good page", () => this.vote(1), { "aria-pressed": "false", class: "vo-up" })
    this.down = iconButton(icon("thumbDown"), "Bad page", () => this.vote(-1), {
      "aria-pressed": "false",
      class: "vo-down",
    })
    this.buttons = h("span", { class: "vo", role: "group", "aria-label": "Vote on this page" }, this.up, this.down)
    this.words = h("input", {
      class: "vo-words",
      maxlength: "1000",
      "aria-label": "Comment on your vote",
      placeholder: "Why? (optional)",
    })
    this.element = h(
      "form",
      {
        class: "pv-layer vo-form",
        "aria-label": "Comment on your vote",
        hidden: true,
        onsubmit: (event) => this.comment(event),
      },
      this.words,
      h("button", { class: "pv-primary" }, "Send"),
    )
  }

  update(page, vote, disabled) {
    const told = typeof vote === "object" && vote !== null ? vote.value : vote
    this.page = page
    this.value = this.given.get(page) ?? told ?? 0
    set(this.up, "aria-pressed", String(this.value === 1))
    set(this.down, "aria-pressed", String(this.value === -1))
    this.up.disabled = this.down.disabled = disabled
  }

  async vote(pressed) {
    const { page, value: before } = this
    const value = before === pressed ? 0 : pressed
    this.given.set(page, value)
    this.update(page, value, false)
    if (value) {
      this.words.value = ""
      const opener = value === 1 ? this.up : this.down
      this.layers.open(this.element, { opener, focus: this.words })
    } else this.layers.close()
    if (await this.send({ page, value, comment: "" })) return
    this.given.set(page, before)
    if (this.page === page) this.update(page, before, false)
  }

  comment(event) {
    event.preventDefault()
    const comment = this.words.value.trim()
    this.layers.close()
    if (comment) this.send({ page: this.page, value: this.value, comment })
  }
}
