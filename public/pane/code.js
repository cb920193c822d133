// The source of a page, drawn while it is written.
//
// Each finished line is coloured once and appended to the DOM, so the cost grows with the page and not with its square, as
// it does when a whole code block is rendered anew for every token.

import { endLine, newState, paint } from "./colour.js"

const SEGMENT = 1000 // characters after which a line is broken, so that a minified page does not relayout as one line
const BLOCK = 50 // lines that the browser lays out, or skips when they are out of sight, together
const FLUSH_MS = 120 // between two appends

// Appends lines to `box`. Linear in the page: a line is touched once, the unfinished last one at most SEGMENT long.
export class CodeView {
  // `following`: the end stays in sight as the text grows, until the reader scrolls away from it.
  constructor(box, following) {
    this.box = box
    this.state = newState()
    this.pending = ""
    this.rest = ""
    this.number = 1
    this.fresh = true // the next row begins a line, and shows its number
    this.rows = 0
    this.pinned = following
    this.tail = document.createElement("div")
    this.tail.className = "pc-row"
    box.replaceChildren(this.tail)
    this.onScroll = () => {
      this.pinned = box.scrollHeight - box.scrollTop - box.clientHeight < 24
    }
    box.addEventListener("scroll", this.onScroll, { passive: true })
  }

  push(text) {
    this.pending += text
    this.timer = this.timer || setTimeout(() => this.flush(), FLUSH_MS)
  }

  flush() {
    clearTimeout(this.timer)
    this.timer = 0
    const lines = (this.rest + this.pending).split("\n")
    this.pending = ""
    this.rest = lines.pop()
    for (const line of lines) this.row(this.segments(line), true)
    this.rest = this.segments(this.rest)
    // Coloured for show, with a copy of the state: more of this line may come, after a Continue, too.
    this.tail.replaceChildren()
    paint(this.tail, this.rest, { ...this.state })
    this.tail.dataset.n = this.fresh ? this.number : ""
    if (this.pinned) this.box.scrollTop = this.box.scrollHeight
  }

  // Appends rows until at most SEGMENT characters are left, and gives those back.
  segments(text) {
    while (text.length > SEGMENT) {
      const pair = /[\ud800-\udbff]/.test(text[SEGMENT - 1]) // never in the middle of a surrogate pair
      const cut = pair ? SEGMENT - 1 : SEGMENT
      this.row(text.slice(0, cut), false)
      text = text.slice(cut)
    }
    return text
  }

  row(text, ends) {
    if (this.rows % BLOCK === 0) {
      this.block = document.createElement("div")
      this.block.className = "pc-block"
      this.box.insertBefore(this.block, this.tail)
    }
    const row = document.createElement("div")
    row.className = "pc-row"
    row.dataset.n = this.fresh ? this.number : ""
    paint(row, text, this.state)
    if (ends) endLine(this.state)
    this.block.append(row)
    this.rows += 1
    this.fresh = ends
    if (ends) this.number += 1
  }

  close() {
    clearTimeout(this.timer)
    this.box.removeEventListener("scroll", this.onScroll)
  }
}

// Browsers have a clipboard on https and localhost only; elsewhere the old way has to do. False where neither works.
export async function copyText(text) {
  if (navigator.clipboard)
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    )
  const area = document.body.appendChild(document.createElement("textarea"))
  area.value = text
  area.select()
  const copied = document.execCommand("copy")
  area.remove()
  return copied
}

export function sizeOf(bytes) {
  return bytes < 1000 ? `${bytes} bytes` : `${(bytes / 1000).toFixed(1)} KB`
}
