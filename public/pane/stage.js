// The frame in which a page lives, as wide as a phone, a tablet, a desktop or the pane, scaled to fit.
//
// A page that is being written is a response that stays open, and its frame is loaded once. A draft (what somebody types)
// is a new document each time: it loads behind the old one, and takes its place when it is drawn, so that nothing flickers.

import { PageChannel } from "./channel.js"
import { h, say } from "./element.js"

export const WIDTHS = { phone: 390, tablet: 820, desktop: 1280, fill: 0 }
const ANSWER_MS = 1000 // for the prelude to say that it is there
const PATIENCE_MS = 3000 // for a draft to load before it is shown as it is

export class Stage {
  // `hear(report)` and `flood(kind)` are of the page on show, `drawn()` tells that its response has ended,
  // `sized(width, scale)` what it is shown at.
  constructor({ hear, flood, drawn, sized }) {
    Object.assign(this, { hear, flood, drawn, sized })
    this.width = "fill"
    this.key = ""
    this.frame = this.channel = this.coming = this.waiting = null
    this.place = { x: 0, y: 0 }
    this.notice = h("div", { class: "pv-away", hidden: true })
    this.element = h("div", { class: "pv-stage" }, this.notice)
    this.watch = new ResizeObserver(() => this.fit())
    this.watch.observe(this.element)
  }

  // Shows `url`, unless `key` says that it is there already. Where `stay` is given the reader's place is kept.
  show(key, url, title, stay = false) {
    this.waiting = null
    this.drop(this.coming) // a draft that was thrown away while it loaded
    this.coming = null
    if (key === this.key) {
      this.frame?.setAttribute("title", title)
      return
    }
    this.key = key
    if (!stay) this.place = { x: 0, y: 0 }
    this.drop(this.frame && { frame: this.frame, channel: this.channel })
    this.notice.hidden = true
    const made = this.make(url, title)
    ;[this.frame, this.channel] = [made.frame, made.channel]
    const place = this.place
    made.frame.addEventListener("load", () => {
      if (made.frame !== this.frame) return
      if (stay && (place.x || place.y)) made.channel.send({ kind: "scroll", ...place })
      this.drawn(key)
    })
    this.fit()
  }

  // Shows a draft in place of what is there, when it has loaded. Of those that come meanwhile, the last one counts.
  replace(url, title) {
    if (this.coming) {
      this.waiting = [url, title]
      return
    }
    const place = this.place
    const made = (this.coming = this.make(url, title))
    made.frame.classList.add("pv-coming")
    made.frame.setAttribute("aria-hidden", "true")
    const swap = () => {
      clearTimeout(timer)
      if (this.coming !== made) return
      this.coming = null
      this.key = url
      this.notice.hidden = true
      made.frame.classList.remove("pv-coming")
      made.frame.removeAttribute("aria-hidden")
      made.channel.send({ kind: "scroll", ...place })
      this.drop({ frame: this.frame, channel: this.channel })
      ;[this.frame, this.channel] = [made.frame, made.channel]
      if (!this.waiting) return
      const next = this.waiting
      this.waiting = null
      this.replace(...next)
    }
    const timer = setTimeout(swap, PATIENCE_MS)
    made.frame.addEventListener("load", swap)
    this.fit()
  }

  make(url, title) {
    const frame = h("iframe", {
      class: "pv-frame",
      title,
      sandbox: "allow-scripts allow-forms",
      referrerpolicy: "no-referrer",
      src: url,
    })
    let answered = false
    const channel = new PageChannel(
      frame,
      (report) => {
        if (report.kind === "pong") answered = true
        else if (report.kind === "scroll" && frame === this.frame) this.place = { x: report.x, y: report.y }
        else if (report.kind !== "scroll") this.hear(report)
      },
      (kind) => this.flooded(kind, frame),
    )
    let loads = 0
    frame.addEventListener("load", () => {
      loads += 1
      if (loads === 1) return
      answered = false
      channel.send({ kind: "ping" })
      setTimeout(() => frame === this.frame && !answered && this.left(), ANSWER_MS)
    })
    this.element.append(frame)
    return { frame, channel }
  }

  drop(made) {
    made?.channel?.close()
    made?.frame?.remove()
  }

  flooded(kind, frame) {
    if (kind === "messages" && frame === this.frame)
      this.takeOut(
        "This page sent thousands of messages a second and would have stopped the chat, so it was taken out. Reload it to try again.",
      )
    this.flood(kind)
  }

  // What the frame shows is no page of ours: it went to another address, or loaded itself anew, which nothing lets it do.
  left() {
    const says = "This page tried to go to another address or to load itself anew, which pages cannot do in here."
    this.takeOut(`${says} Reload it to see it again.`)
    this.hear({ kind: "console", level: "warn", text: says })
  }

  takeOut(says) {
    this.drop({ frame: this.frame, channel: this.channel })
    this.frame = this.channel = null
    say(this.notice, says)
    this.notice.hidden = false
  }

  send(message) {
    this.channel?.send(message)
  }

  setWidth(name) {
    this.width = name
    this.fit()
  }

  fit() {
    const room = { width: this.element.clientWidth, height: this.element.clientHeight }
    if (!room.width || !room.height) return
    const width = WIDTHS[this.width] || room.width
    const scale = Math.min(1, room.width / width)
    for (const frame of this.element.querySelectorAll("iframe")) {
      frame.style.width = `${width}px`
      frame.style.height = `${Math.ceil(room.height / scale)}px`
      frame.style.left = `${Math.max(0, (room.width - width * scale) / 2)}px`
      frame.style.transform = scale < 1 ? `scale(${scale})` : "none"
    }
    this.element.dataset.width = this.width
    this.sized(Math.round(width), scale)
  }

  close() {
    this.watch.disconnect()
    this.drop(this.coming)
    this.drop({ frame: this.frame, channel: this.channel })
  }
}
