// What a page says to the window that shows it, through the prelude (htmlgen/prelude.js).
//
// All of it may be forged by the page, so it is checked here, once: a report that comes out of `read` has the kinds, types
// and lengths written below and nothing else. What is in it is text of unknown intent: show it as text, do nothing with it.

const LONGEST = 2000 // characters of one text
const PER_SECOND = 400 // reports after which the page is no longer listened to; the prelude itself sends 100 at most
const GREETINGS = 400 // messages to the window in a second after which the page is taken out: each costs the chat's time

const LEVELS = ["debug", "log", "info", "warn", "error"]
const LOADABLE = /^(img|style|font|script|media)-src/ // what a page may load when its reader wishes so

const text = (value) => (typeof value === "string" ? value.slice(0, LONGEST) : "")
const whole = (value) => (Number.isInteger(value) && value > 0 && value < 1e7 ? value : 0)
const length = (value) => (Number.isFinite(value) ? Math.min(Math.max(value, 0), 1e7) : 0)

// A report as it can be used, or null.
export function read(data) {
  if (typeof data !== "object" || data === null) return null
  const kind = data.kind
  if (kind === "console")
    return { kind, level: LEVELS.includes(data.level) ? data.level : "log", text: text(data.text) }
  if (kind === "error") return { kind, text: text(data.text) || "An error without a message", line: whole(data.line) }
  if (kind === "dialog") return { kind, text: text(data.text) }
  if (kind === "link" || kind === "submit") return { kind, text: text(data.url) }
  if (kind === "scroll") return { kind, x: length(data.x), y: length(data.y) }
  if (kind === "unpicked" || kind === "pong") return { kind }
  if (kind === "picked")
    return { kind, path: text(data.path), markup: text(data.markup), text: text(data.text).slice(0, 80) }
  if (kind === "blocked") {
    const url = text(data.url)
    return { kind, url, loadable: /^https:\/\//.test(url) && LOADABLE.test(text(data.directive)) }
  }
  return null
}

// The number of calls within the running second.
function meter() {
  let since = 0
  let count = 0
  return () => {
    const now = performance.now()
    if (now - since > 1000) [since, count] = [now, 0]
    return (count += 1)
  }
}

export class PageChannel {
  // `hear` gets checked reports, `flood("reports" | "messages")` is called once when there are too many.
  constructor(frame, hear, flood) {
    this.frame = frame
    this.port = null
    const reports = meter()
    const greetings = meter()
    this.greet = (heard) => {
      const event = heard.said ?? heard
      if (event.source === null || event.source !== frame.contentWindow) return
      if (greetings() > GREETINGS) {
        this.close()
        return flood("messages")
      }
      if (event.data === null || typeof event.data !== "object" || event.data.htmlgen !== "ready") return
      const channel = new MessageChannel()
      this.port?.close()
      this.port = channel.port1
      this.port.onmessage = ({ data }) => {
        if (reports() > PER_SECOND) {
          this.close()
          return flood("reports")
        }
        const report = read(data)
        if (report) hear(report)
      }
      frame.contentWindow.postMessage({ htmlgen: "port" }, "*", [channel.port2])
    }
    this.pages = window.htmlgenPages ?? window // in the chat public/studio.js passes on what pages say
    this.pages.addEventListener("message", this.greet)
  }

  send(message) {
    this.port?.postMessage(message)
  }

  close() {
    this.pages.removeEventListener("message", this.greet)
    this.port?.close()
    this.port = null
  }
}
