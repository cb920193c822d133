// The console tab: what the page said and what went wrong in it, newest last. All of it is the page's word, shown as text.

import { h, iconButton, say } from "./element.js"
import { icon } from "./icons.js"

const KEPT = 300 // entries; the oldest go
const FLUSH_MS = 60 // between two drawings

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
    clearTimeout(this.timer)
    this.timer = 0
    this.waiting = []
    this.last = null
    this.errors = 0
    this.list.replaceChildren()
    this.empty.hidden = false
    this.count(0)
  }

  add(report) {
    if (!Object.hasOwn(WORDS, report.kind)) return
    const [level, text] = WORDS[report.kind](report)
    const entry = { level, text, line: report.line || 0, fixable: level === "error", times: 1 }
    if (level === "error") this.errors += 1
    this.waiting.push(entry)
    if (this.waiting.length > KEPT) this.waiting.shift()
    this.timer = this.timer || setTimeout(() => this.flush(), FLUSH_MS)
  }

  // A page may say hundreds of things a second: they are drawn together, for each reading of the layout costs as much.
  flush() {
    this.timer = 0
    const pinned = this.element.scrollHeight - this.element.scrollTop - this.element.clientHeight < 24
    const rows = document.createDocumentFragment()
    for (const entry of this.waiting.splice(0)) {
      const { last } = this
      if (last && last.level === entry.level && last.text === entry.text && last.line === entry.line) {
        last.times += 1
        say(last.badge, `×${last.times}`)
        last.badge.hidden = false
        continue
      }
      entry.badge = h("span", { class: "pl-times", hidden: true })
      rows.append(this.row(entry))
      this.last = entry
    }
    this.list.append(rows)
    this.empty.hidden = true
    const surplus = this.list.childElementCount - KEPT
    if (surplus > 0) for (const row of [...this.list.children].slice(0, surplus)) row.remove()
    this.count(this.errors)
    if (pinned) this.element.scrollTop = this.element.scrollHeight
  }

  row({ level, text, line, fixable, badge }) {
    const button = (name, label, title, onclick) => h("button", { type: "button", class: name, title, onclick }, label)
    return h(
      "li",
      { class: "pl-row", dataset: { level } },
      icon(level === "error" || level === "warn" ? "warning" : "bubble"),
      h("span", { class: "pv-hidden" }, `${level}: `),
      h("span", { class: "pl-text" }, text),
      badge,
      line > 0 && button("pl-line", `line ${line}`, "Show this line of the code", () => this.jump(line)),
      fixable && button("pl-fix", "Fix it", "Ask the model to mend this", () => this.fix({ message: text, line })),
    )
  }

  note(text) {
    this.add({ kind: "console", level: "warn", text })
  }

  get tools() {
    return [iconButton(icon("clear"), "Clear the console", () => this.clear())]
  }
}
