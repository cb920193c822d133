// The versions of a page: the list of them, and the difference between any two.

import { sizeOf } from "./code.js"
import { compare } from "./diff.js"
import { h, iconButton, say } from "./element.js"
import { icon } from "./icons.js"

const AROUND = 3 // unchanged lines shown before and after a change
const LONGEST = 5000 // characters of a line that are shown

const ORIGINS = { model: "", hand: "edited by hand", upload: "uploaded", restore: "restored" }
export const STATES = {
  writing: "Being written",
  finished: "Finished",
  cut: "Cut at a limit",
  stopped: "Stopped",
  failed: "Failed",
  "": "Ended",
}

// "14:02" today, "21 Nov, 14:02" before; "" where the time is not known.
export function timeOf(text) {
  const time = new Date(text ?? "")
  if (Number.isNaN(time.getTime())) return ""
  const clock = time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
  if (time.toDateString() === new Date().toDateString()) return clock
  return `${time.toLocaleDateString([], { day: "numeric", month: "short" })}, ${clock}`
}

export function factsOf(version) {
  const size = Number.isFinite(version.size) && version.size > 0 ? sizeOf(version.size) : ""
  return [timeOf(version.created_at), size, version.model, ORIGINS[version.origin]].filter(Boolean)
}

export class VersionList {
  // show(version), restore(version), differ(version): what its buttons do.
  constructor(actions) {
    this.actions = actions
    this.list = h("ol", { class: "vl-list" })
    this.element = h(
      "div",
      { class: "pv-layer vl", role: "dialog", "aria-label": "Versions of this page", hidden: true },
      this.list,
    )
  }

  update(versions, shown, busy) {
    const key = JSON.stringify([versions, shown, busy])
    if (key === this.key) return
    this.key = key
    const newest = versions.at(-1)
    this.list.replaceChildren(
      ...[...versions].reverse().map((version) => {
        const current = version.page === shown
        return h(
          "li",
          { class: "vl-row", dataset: { current } },
          h(
            "button",
            {
              type: "button",
              class: "vl-show",
              "aria-current": current ? "true" : false,
              onclick: () => this.actions.show(version),
            },
            h("span", { class: "vl-number" }, `v${version.number}`),
            h(
              "span",
              { class: "vl-words" },
              h("span", { class: "vl-prompt" }, version.instruction || "(no prompt)"),
              h(
                "span",
                { class: "vl-facts" },
                h("span", { class: "pc-dot", "aria-hidden": "true", dataset: { outcome: version.state ?? "" } }),
                [STATES[version.state] ?? STATES[""], ...factsOf(version)].join(" · "),
              ),
            ),
          ),
          h(
            "span",
            { class: "vl-tools" },
            !current &&
              iconButton(icon("differ"), `Compare v${version.number} with the version on show`, () =>
                this.actions.differ(version),
              ),
            version !== newest &&
              iconButton(
                icon("restore"),
                `Restore v${version.number} as a new version`,
                () => this.actions.restore(version),
                { disabled: busy },
              ),
          ),
        )
      }),
    )
  }
}

export class Difference {
  // `load(version)` gives the text of a version, or throws what to tell; `close()` leaves.
  constructor(load, close) {
    this.load = load
    this.run = 0
    const choice = (label) => h("select", { class: "df-choice", "aria-label": label, onchange: () => this.draw() })
    this.from = choice("Compare from version")
    this.to = choice("to version")
    this.sum = h("span", { class: "df-sum", role: "status" })
    this.rows = h("div", { class: "df-rows", tabindex: "0", role: "region", "aria-label": "Differences, line by line" })
    this.element = h(
      "div",
      { class: "pv-over df", role: "dialog", "aria-label": "Difference between two versions", hidden: true },
      h(
        "div",
        { class: "df-bar" },
        this.from,
        h("span", { "aria-hidden": "true" }, "→"),
        this.to,
        this.sum,
        iconButton(icon("clear"), "Close the comparison", close, { class: "df-close" }),
      ),
      this.rows,
    )
  }

  show(versions, from, to) {
    const options = () =>
      versions.map((v) => h("option", { value: v.page }, `v${v.number} ${(v.instruction || "").slice(0, 40)}`))
    this.versions = versions
    this.from.replaceChildren(...options())
    this.to.replaceChildren(...options())
    this.from.value = from
    this.to.value = to
    return this.draw()
  }

  async draw() {
    const run = (this.run += 1)
    this.rows.replaceChildren(h("p", { class: "df-none" }, "Reading both…"))
    say(this.sum, "")
    const chosen = [this.from, this.to].map((choice) => this.versions.find((version) => version.page === choice.value))
    try {
      const [a, b] = await Promise.all(chosen.map(this.load))
      if (run !== this.run) return
      this.fill(compare(a, b))
    } catch (error) {
      if (run !== this.run) return
      this.rows.replaceChildren(h("p", { class: "df-none" }, String(error.message)))
      say(this.sum, "")
    }
  }

  fill(rows) {
    const count = (kind) => rows.filter((row) => row.kind === kind).length
    const [added, removed] = [count("added"), count("removed")]
    this.sum.replaceChildren(
      h("b", { class: "df-plus" }, `+${added}`),
      " ",
      h("b", { class: "df-minus" }, `−${removed}`),
      h("span", { class: "pv-hidden" }, ` ${added} lines added, ${removed} removed`),
    )
    this.rows.scrollTop = 0
    if (!added && !removed)
      return this.rows.replaceChildren(h("p", { class: "df-none" }, "These two are the same, letter by letter."))
    const near = new Uint8Array(rows.length)
    rows.forEach((row, n) => row.kind !== "same" && near.fill(1, Math.max(0, n - AROUND), n + AROUND + 1))
    const made = []
    for (let n = 0; n < rows.length; n += 1) {
      if (near[n]) {
        made.push(this.row(rows[n]))
        continue
      }
      const from = n
      while (n + 1 < rows.length && !near[n + 1]) n += 1
      const hidden = rows.slice(from, n + 1)
      const button = h(
        "button",
        {
          type: "button",
          class: "df-more",
          onclick: () => {
            button.replaceWith(...hidden.map((row) => this.row(row)))
            this.rows.focus({ preventScroll: true }) // not on a button that is gone
          },
        },
        `${hidden.length} unchanged ${hidden.length === 1 ? "line" : "lines"}`,
      )
      made.push(button)
    }
    this.rows.replaceChildren(...made)
  }

  row({ kind, old, new: now, text, marks }) {
    const sign = { same: " ", added: "+", removed: "−" }[kind]
    const said = { added: "added: ", removed: "removed: " }[kind]
    const words = h("span", { class: "df-text" })
    if (said) words.append(h("span", { class: "pv-hidden" }, said))
    let at = 0
    for (const [from, to] of marks.filter(([, to]) => to <= LONGEST)) {
      words.append(text.slice(at, from), h("mark", {}, text.slice(from, to)))
      at = to
    }
    words.append(text.slice(at, LONGEST), text.length > LONGEST ? "…" : "")
    return h(
      "div",
      { class: "df-row", dataset: { kind } },
      h("span", { class: "df-number", "aria-hidden": "true" }, old || ""),
      h("span", { class: "df-number", "aria-hidden": "true" }, now || ""),
      h("span", { class: "df-sign", "aria-hidden": "true" }, sign),
      words,
    )
  }
}
