// The console tab: what the page said and what went wrong in it, newest last. All of it is the page's word, shown as text.

import { h, iconButton, say } from "./element.js"
import { icon } from "./icons.js"

const KEPT = 300 // entries; the oldest go

const WORDS = {
  dialog: (report) => ["info", `The page wanted to show a dialog: ${report.text || "(empty)"}`],
  link: (report) => ["info", `A link was clicked that leads out of the page: ${report.text || "(no address)"}`],
  submit: (report) => ["info", `A form was sent, which goes nowhere here: ${report.text || "(to the page itself)"}`],
  blocked: (report) => ["warn", `Blocked: ${report.url}`],
  console: (report) => [report.level, report.text],
  error: (report) => ["error", report.text],
}

export class Console {
  // `fix(report)` is called for an error that should be mended, `jump(line)` for its place, `count(errors)` on changes.
  constructor({ fix, jump, count }) {
    Object.assign(this, { fix, jump, count })
    this.list = h("ol", { class: "pl-list", "aria-label": "Messages of the page" })
    this.empty = h(
      "p",
      { class: "pl-empty" },
      "Nothing yet. What the page writes to its console, and its errors, are shown here.",
    )
    this.element = h("div", { class: "pl", role: "log", "aria-live": "off" }, this.empty, this.list)
    this.clear()
  }

  clear() {
    this.last = null
    this.errors = 0
    this.list.replaceChildren()
    this.empty.hidden = false
    this.count(0)
  }

  add(report) {
    if (!(report.kind in WORDS)) return
    const [level, text] = WORDS[report.kind](report)
    if (level === "error") this.count((this.errors += 1))
    const same = this.last && this.last.level === level && this.last.text === text && this.last.line === report.line
    if (same) {
      this.last.times += 1
      say(this.last.badge, `×${this.last.times}`)
      this.last.badge.hidden = false
      return
    }
    const pinned = this.element.scrollHeight - this.element.scrollTop - this.element.clientHeight < 24
    const badge = h("span", { class: "pl-times", hidden: true })
    const row = h(
      "li",
      { class: "pl-row", dataset: { level } },
      icon(level === "error" || level === "warn" ? "warning" : "bubble"),
      h("span", { class: "pl-level" }, `${level}: `),
      h("span", { class: "pl-text" }, text),
      badge,
      report.line > 0 &&
        h(
          "button",
          {
            type: "button",
            class: "pl-line",
            title: "Show this line of the code",
            onclick: () => this.jump(report.line),
          },
          `line ${report.line}`,
        ),
      report.kind === "error" || level === "error"
        ? h(
            "button",
            {
              type: "button",
              class: "pl-fix",
              title: "Ask the model to mend this",
              onclick: () => this.fix({ message: text, line: report.line || 0 }),
            },
            "Fix it",
          )
        : null,
    )
    this.last = { level, text, line: report.line, times: 1, badge }
    this.list.append(row)
    this.empty.hidden = true
    if (this.list.childElementCount > KEPT) this.list.firstElementChild.remove()
    if (pinned) this.element.scrollTop = this.element.scrollHeight
  }

  note(text) {
    this.add({ kind: "console", level: "warn", text })
  }

  get tools() {
    return [iconButton(icon("clear"), "Clear the console", () => this.clear())]
  }
}
