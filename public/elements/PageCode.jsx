// The page's source in the chat, drawn while it is written.
//
// It reads /pages/<id>/source as a stream. Each finished line is coloured once and appended to the DOM, so the cost
// grows with the page and not with its square, as it does when a whole code block is rendered anew for every token.
// React draws the frame only; the lines are made by hand in CodeView.

import { useEffect, useRef, useState } from "react"
import { Check, ChevronsDownUp, ChevronsUpDown, Copy, PanelRightOpen } from "lucide-react"

const SEGMENT = 1000 // characters after which a line is broken, so that a minified page does not relayout as one line
const BLOCK = 50 // lines that the browser lays out, or skips when they are out of sight, together
const FLUSH_MS = 120 // between two appends

const WORDS =
  /(?:async|await|break|case|catch|class|const|continue|default|delete|do|else|export|extends|false|finally|for|from|function|if|import|in|instanceof|let|new|null|of|return|super|switch|this|throw|true|try|typeof|undefined|var|void|while|yield)\b/uy
const JS = /[A-Za-z_$][\w$]*|\d[\w.]*|\s+|[^\s\w$]/uy
const CSS = /@[\w-]+|#[\da-fA-F]{3,8}\b|-?(?:\d*\.)?\d+(?:%|[a-z]+)?|--?[\w-]+|[A-Za-z][\w-]*|\s+|[^\s\w]/uy

// Splits one line into coloured pieces; `state` carries what is open (a tag, a comment, a script) into the next line.
function colour(line, state, emit) {
  let at = 0
  const until = (text, kind, next) => {
    const end = line.indexOf(text, at)
    const stop = end < 0 ? line.length : end + text.length
    emit(kind, line.slice(at, stop))
    at = stop
    if (end >= 0) state.mode = next
  }
  const match = (pattern) => {
    pattern.lastIndex = at
    const found = pattern.exec(line)
    return found && found[0]
  }
  const take = (kind, text) => {
    emit(kind, text)
    at += text.length
  }
  while (at < line.length) {
    if (state.mode === "text") {
      const open = line.indexOf("<", at)
      if (open < 0) return take("", line.slice(at))
      if (open > at) take("", line.slice(at, open))
      const tag = match(/<\/?[A-Za-z][\w:-]*/uy)
      if (line.startsWith("<!--", at)) state.mode = "comment"
      else if (line.startsWith("<!", at)) state.mode = "doctype"
      else if (tag) {
        state.tag = tag.slice(1).toLowerCase()
        state.mode = "tag"
        take("t", tag)
      } else take("", "<")
    } else if (state.mode === "comment") until("-->", "c", "text")
    else if (state.mode === "doctype") until(">", "c", "text")
    else if (state.mode === "value") until(state.quote, "s", "tag")
    else if (state.mode === "tag") {
      const text = match(/\/?>|[^\s"'<>/=]+|=|\s+|./uy)
      if (text === ">" || text === "/>") {
        take("t", text)
        state.mode = state.tag === "script" ? "js" : state.tag === "style" ? "css" : "text"
        state.open = ""
        state.value = false
      } else if (text === '"' || text === "'") {
        state.quote = text
        state.mode = "value"
        state.value = false
        take("s", text)
      } else if (text === "=") {
        state.value = true
        take("", text)
      } else if (/\s/.test(text)) take("", text)
      else {
        take(state.value ? "s" : "a", text)
        state.value = false
      }
    } else {
      const end = line.slice(at).search(state.mode === "js" ? /<\/script/i : /<\/style/i)
      const stop = end < 0 ? line.length : at + end
      while (at < stop) code(stop)
      if (end >= 0) state.mode = "text"
    }
  }

  function code(stop) {
    if (state.open === "/*") {
      const end = line.indexOf("*/", at)
      const to = end < 0 || end + 2 > stop ? stop : end + 2
      if (to < stop || (end >= 0 && end + 2 === stop)) state.open = ""
      return take("c", line.slice(at, to))
    }
    if (state.open) {
      let to = at
      while (to < stop && line[to] !== state.open) to += line[to] === "\\" ? 2 : 1
      if (to < stop) {
        to += 1
        state.open = ""
      }
      return take("s", line.slice(at, Math.min(to, stop)))
    }
    if (line.startsWith("/*", at)) {
      state.open = "/*"
      return take("c", "/*")
    }
    const first = line[at]
    if (first === '"' || first === "'" || (first === "`" && state.mode === "js")) {
      state.open = first
      return take("s", first)
    }
    if (state.mode === "js") {
      if (line.startsWith("//", at)) return take("c", line.slice(at, stop))
      const word = match(WORDS)
      const text = word || match(JS)
      return take(word ? "k" : /^\d/.test(text) ? "n" : "", text.slice(0, stop - at))
    }
    const text = match(CSS).slice(0, stop - at)
    let kind = ""
    if (text[0] === "@") kind = "k"
    else if (text === "{" || text === "}") state.rule = text === "{"
    else if (/^(#[\da-fA-F]{3,8}$|-?\.?\d)/.test(text) && state.rule) kind = "n"
    else if (/^[A-Za-z-]/.test(text)) {
      const property = state.rule && /^\s*:/.test(line.slice(at + text.length, at + text.length + 4))
      kind = property ? "a" : state.rule ? "" : "t"
    }
    return take(kind, text)
  }
}

function paint(row, text, state) {
  let plain = ""
  colour(text, state, (kind, piece) => {
    if (!kind) return (plain += piece)
    if (plain) row.append(plain)
    plain = ""
    const span = document.createElement("span")
    span.className = "pc-" + kind
    span.textContent = piece
    row.append(span)
  })
  if (plain) row.append(plain)
}

// Appends lines to `box`. Linear in the page: a line is touched once, the unfinished last one at most SEGMENT long.
class CodeView {
  constructor(box) {
    this.box = box
    this.state = { mode: "text", tag: "", quote: "", open: "", value: false, rule: false }
    this.text = []
    this.bytes = 0
    this.decoder = new TextDecoder()
    this.pending = ""
    this.rest = ""
    this.number = 1
    this.fresh = true // the next row begins a line, and shows its number
    this.rows = 0
    this.pinned = true
    this.tail = document.createElement("div")
    this.tail.className = "pc-row"
    box.replaceChildren(this.tail)
    this.onScroll = () => {
      this.pinned = box.scrollHeight - box.scrollTop - box.clientHeight < 24
    }
    box.addEventListener("scroll", this.onScroll, { passive: true })
  }

  push(text) {
    this.text.push(text)
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
    if (ends && (this.state.open === '"' || this.state.open === "'")) this.state.open = "" // strings end with the line
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

// Reads the source from byte `view.bytes` on until the page is finished; a broken connection is taken up again.
async function read(url, view, signal, onText) {
  for (let tries = 0; tries < 5; tries += 1) {
    try {
      const response = await fetch(`${url}?start=${view.bytes}`, { signal, cache: "no-store" })
      if (!response.ok) return response.status === 404 ? "gone" : "failed"
      const reader = response.body.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return "ended"
        tries = 0
        view.bytes += value.length
        view.push(view.decoder.decode(value, { stream: true }))
        onText()
      }
    } catch (error) {
      if (signal.aborted) return "aborted"
      await new Promise((resolve) => setTimeout(resolve, 500 * (tries + 1)))
    }
  }
  return "failed"
}

// Browsers have a clipboard on https and localhost only; elsewhere the old way has to do.
async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text)
  const area = document.body.appendChild(document.createElement("textarea"))
  area.value = text
  area.select()
  document.execCommand("copy")
  area.remove()
}

function sizeOf(bytes) {
  return bytes < 1000 ? `${bytes} bytes` : `${(bytes / 1000).toFixed(1)} KB`
}

function PageCode({ page, part, version, title, writing, facts, apiClient, callAction }) {
  const box = useRef(null)
  const view = useRef(null)
  const live = useRef(null)
  const [end, setEnd] = useState("")
  const [open, setOpen] = useState(false)
  const [copied, setCopied] = useState(false)

  useEffect(() => {
    view.current = new CodeView(box.current)
    return () => view.current.close()
  }, [page])

  useEffect(() => {
    const stop = new AbortController()
    const code = view.current
    setEnd("")
    let told = 0
    read(apiClient.buildEndpoint(`/pages/${page}/source`), code, stop.signal, () => {
      const now = performance.now()
      if (now - told > 250 && live.current) {
        told = now
        live.current.textContent = sizeOf(code.bytes)
      }
    }).then((how) => {
      if (stop.signal.aborted) return
      code.flush()
      setEnd(how)
    })
    return () => stop.abort()
  }, [page, part])

  useEffect(() => {
    kept.titles[page] = title
    window.dispatchEvent(new Event("htmlgen-title"))
  }, [page, title])

  const copy = async () => {
    await copyText(view.current.text.join(""))
    setCopied(true)
    setTimeout(() => setCopied(false), 1500)
  }
  const busy = writing && !end
  return (
    <div className="pc" data-part={part} data-state={busy ? "writing" : "done"}>
      <div className="pc-bar">
        <span className={busy ? "pc-dot pc-live" : "pc-dot"} data-outcome={facts ? facts.outcome : ""} />
        <span className="pc-name" title={title}>
          {title}
        </span>
        {version > 1 && <span className="pc-version">v{version}</span>}
        <span className="pc-size" ref={live}>
          {end && view.current ? sizeOf(view.current.bytes) : ""}
        </span>
        <button onClick={copy} title="Copy the code" aria-label="Copy the code">
          {copied ? <Check /> : <Copy />}
        </button>
        <button
          onClick={() => setOpen(!open)}
          title={open ? "Show less" : "Show all of the code"}
          aria-label={open ? "Show less" : "Show all of the code"}
          aria-expanded={open}
        >
          {open ? <ChevronsDownUp /> : <ChevronsUpDown />}
        </button>
        <button
          className="pc-open"
          onClick={() => callAction({ name: "show_page", payload: { page, part, version, title } })}
          title="Show the page beside the chat"
        >
          <PanelRightOpen /> Preview
        </button>
      </div>
      <div className={open ? "pc-code pc-all" : "pc-code"} ref={box} tabIndex={0} role="region" aria-label="HTML source" />
      <div className="pc-facts" role="status">
        {facts ? (
          <>
            <b data-outcome={facts.outcome}>{facts.says}</b>
            {facts.figures.map((figure) => (
              <span key={figure}>{figure}</span>
            ))}
          </>
        ) : end === "gone" ? (
          <b data-outcome="failed">This page is no longer kept.</b>
        ) : end === "failed" ? (
          <b data-outcome="failed">The connection to the server is lost.</b>
        ) : (
          <b>{end ? "Ended" : "Writing…"}</b>
        )}
      </div>
    </div>
  )
}

// Chainlit evaluates this file anew whenever the chat around it changes, and a new function is a new component to
// React, which would throw the old one away, scroll position and all. So the first one stays.
const kept = (window.htmlgenElements = window.htmlgenElements || {})
kept.titles = kept.titles || {}
kept.PageCode = kept.PageCode || PageCode
const Kept = kept.PageCode

export default <Kept {...props} apiClient={apiClient} callAction={callAction} />
